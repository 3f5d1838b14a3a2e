"""Run by test_torch_machinery.py: drop-in layers compiled and exported give what they give in eager mode."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import ostinato.nn


class Model(nn.Module):
    def __init__(self, layer: nn.Module, packed: bool = False) -> None:
        super().__init__()
        self.layer, self.packed = layer, packed

    def forward(self, x):
        if self.packed:
            outputs, _ = self.layer(pack_padded_sequence(x, [6, 4, 1], batch_first=True))
            return pad_packed_sequence(outputs, batch_first=True)[0].relu()
        results = self.layer(x)
        return (results[0] if isinstance(results, tuple) else results).relu()


def gradients(call, model, x):
    outputs = call(x)
    return [outputs, *torch.autograd.grad(outputs.square().sum(), [x, *model.parameters()])]


def same(found, wanted) -> None:
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, wanted, strict=True))


def compiled(model, x, **options) -> None:
    torch._dynamo.reset()
    same(gradients(torch.compile(model, backend="aot_eager", **options), model, x), gradients(model, model, x))


x = torch.randn(3, 6, 5, requires_grad=True)
for name in ("RNN", "LSTM", "GRU"):
    options = {"proj_size": 3} if name == "LSTM" else {}
    model = Model(getattr(ostinato.nn, name)(5, 7, bidirectional=True, batch_first=True, **options))
    if name == "LSTM":
        compiled(model, x)  # torch breaks its graph at every recurrent layer
    with torch._dynamo.config.patch(allow_rnn=True):  # unless it is told not to
        compiled(model, x, fullgraph=True)
    dynamic = {"x": {0: torch.export.Dim("rows", max=64), 1: torch.export.Dim("steps", max=64)}}
    program = torch.export.export(model.eval(), (x.detach(),), dynamic_shapes=dynamic)
    assert any("ostinato" in str(node.target) for node in program.graph.nodes)
    longer = torch.randn(5, 9, 5)
    same([program.module()(longer)], [model(longer)])
    print(name)
for name in ("RNNCell", "LSTMCell", "GRUCell"):
    compiled(Model(getattr(ostinato.nn, name)(5, 7)), torch.randn(3, 5, requires_grad=True), fullgraph=True)
print("cells")
compiled(Model(ostinato.nn.GRU(5, 7, bidirectional=True), packed=True), x)
print("packed")
