"""Run by test_door.py: torch's own checks of every operator, over every kind of call."""

import torch
from reference import CELLS, PACKED, Case, ours, starts_of

CASES = [
    Case("lstm", 2, 3, 5, 4, ragged=False, projected=3, reverse=True),
    Case("gru", 2, 3, 5, 4, ragged=False, gates_in=True, biased=False),
    Case("gru_before", 2, 3, 5, 4, ragged=False),
    Case("rnn_tanh", 2, 4, 5, 4, ragged=False, layout=PACKED),
    Case("rnn_relu", 2, 3, 5, 4, ragged=False),
    Case("lstm", 3, 4, 5, 4, layout=PACKED),
]
assert {case.name for case in CASES} == set(CELLS)
# What is kept for the backward has places for steps that no row has: nobody writes or reads them, but who compares all
# of a result does.
WHOLE = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")

torch.manual_seed(0)
for case in CASES:
    x, *tensors = (None if value is None else value.requires_grad_() for value in case.values)
    starts, incoming = None, case.incoming
    if case.layout == PACKED:
        there = case.real.T.nonzero()
        starts, x = starts_of(case.lengths), x.detach()[there[:, 1], there[:, 0]].requires_grad_()
        incoming = (torch.randn(len(x), 4), *incoming[1:])
    operator = getattr(torch.ops.ostinato, f"{case.name}_scan")
    tests = WHOLE[:3] if case.ragged else WHOLE
    arguments = (x, case.lengths, starts, *tensors, case.reverse, case.name == "gru")
    torch.library.opcheck(operator.default, arguments, test_utils=tests)
    given = [None if value is None else value.detach() for value in (x, case.lengths, starts, *tensors)]
    results = operator(*given, case.reverse, False)
    backward = getattr(torch.ops.ostinato, f"{case.name}_scan_backward")
    torch.library.opcheck(backward.default, (*given, results[0], results[-1], *incoming, case.reverse))

for given in (True, False):
    x, weight, bias = (torch.randn(*shape, requires_grad=True) for shape in ((2, 3, 5), (4, 5), (4,)))
    torch.library.opcheck(torch.ops.ostinato.linear.default, (x, weight, bias if given else None))
    detached = torch.randn(2, 3, 4), x.detach(), weight.detach()
    torch.library.opcheck(torch.ops.ostinato.linear_backward.default, (*detached, [True, False, given]))

# What is called by name is given strided inputs too.
case = Case("gru", 3, 4, 5, 4)
x = torch.nn.functional.pad(case.values[0], (0, 3))[..., :5]
found = torch.ops.ostinato.gru_scan(x, case.lengths, None, *case.values[1:], False, False)
assert torch.equal(found[0], ours(case, *case.values)[0])
