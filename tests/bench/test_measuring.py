"""What the benchmark says it measures, it measures: pairs under our clock, rooflines by hand, equals."""

from functools import partial

import pytest
import torch
from torch import nn

from ostinato.bench import Machine, Results, cases, chosen, measure
from ostinato.bench import training as bench_training
from ostinato.bench.ceiling import Ceiling
from ostinato.bench.ceiling import measure as measure_ceiling
from ostinato.bench.contest import Contender, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.pairs import LEAST_PAIRS, paired
from ostinato.bench.roofline import Phase, Work, product, recurrence, with_map
from ostinato.errors import ComparisonError, ConfigError

CACHES = {"L1": 2**15, "L2": 2**20, "L3": 2**25}
BANDWIDTH = {"L1": 4e11, "L2": 2e11, "L3": 1e11, "DRAM": 1e10}
CEILING = Ceiling(2, {"float32": 1e11}, BANDWIDTH, CACHES, {"infer": 1e-9, "train": 2e-9})


class Clock:
    """Time that passes only in calls, and twice as fast after a while, as on a machine that others use."""

    def __init__(self, monkeypatch):
        self.now, self.log = 0.0, []
        monkeypatch.setattr("ostinato.bench.pairs.time", self)

    def perf_counter(self):
        self.now += 1e-9
        return self.now

    def takes(self, name, seconds):
        def call():
            self.log.append(name)
            self.now += seconds * (1 if self.now < 5 else 2)

        return call


def test_pairs_take_turns_and_the_ratio_is_the_pairs_own(monkeypatch):
    clock = Clock(monkeypatch)
    found = paired(clock.takes("ours", 0.1), clock.takes("theirs", 0.3), seconds=10.0)
    assert found.ratio == pytest.approx(3)
    assert found.quartiles == pytest.approx((3, 3))
    assert found.ours in (pytest.approx(0.1), pytest.approx(0.2))
    assert clock.log[-4 * (found.pairs // 4) :].count("ours") == 2 * (found.pairs // 4)
    timed = clock.log[-2 * found.pairs :]
    assert timed[:4] == ["ours", "theirs", "theirs", "ours"]


def test_quick_calls_fill_a_turn_and_slow_ones_make_enough_pairs(monkeypatch):
    clock = Clock(monkeypatch)
    found = paired(clock.takes("ours", 1e-6), clock.takes("theirs", 1e-4), seconds=0.1)
    assert found.ratio == pytest.approx(100, rel=0.01)
    assert clock.log.count("ours") > 50 * clock.log.count("theirs")
    assert paired(clock.takes("ours", 1.0), clock.takes("theirs", 1.0), seconds=0.1).pairs == LEAST_PAIRS


def test_a_lead_is_not_counted(monkeypatch):
    clock = Clock(monkeypatch)
    slow_at_first = iter([1.0] * 3)

    def theirs():
        clock.now += next(slow_at_first, 0.02)

    assert paired(clock.takes("ours", 0.01), theirs, 1.0, lead=0.05).ratio in (pytest.approx(2), pytest.approx(1))


def test_the_work_is_what_the_formulas_say():
    batch, steps, inputs, hidden = 4, 10, 32, 64
    forward = Work(tuple(recurrence("lstm", batch * steps, steps, inputs, hidden, 4, train=False)))
    assert forward.operations == 2 * 4 * batch * steps * hidden * (inputs + hidden)
    training = Work(tuple(recurrence("lstm", batch * steps, steps, inputs, hidden, 4, train=True)))
    assert training.operations == 3 * forward.operations
    assert sum(p.operations for p in product(5, 6, 7, 4, train=True)) == 3 * 2 * 5 * 6 * 7


def test_the_bound_is_the_longer_of_arithmetic_and_traffic():
    assert Phase(10**9, 1000, 1, 0).seconds(CEILING, "float32") == pytest.approx(0.01)
    assert Phase(1, 2**19, 1000, 0).seconds(CEILING, "float32") == pytest.approx(1000 * 2**19 / 2e11)  # in two L2
    assert Phase(1, 2**23, 10, 2**26).seconds(CEILING, "float32") == pytest.approx(10 * 2**23 / 1e11 + 2**26 / 1e10)


def test_the_map_is_added_to_the_bound():
    work = Work((Phase(10**9, 1000, 1, 0),), squashes=10**6)
    assert with_map(work, CEILING, "infer") == pytest.approx(0.01 + 1e-3)
    assert with_map(work, CEILING, "train") == pytest.approx(0.01 + 2e-3)


@pytest.mark.parametrize(("working_set", "level"), [(2**16, "L1"), (2**21, "L2"), (2**25, "L3"), (2**25 + 1, "DRAM")])
def test_each_thread_has_caches_of_its_own_and_the_last_is_shared(working_set, level):
    assert CEILING.bytes_per_second(working_set) == CEILING.bandwidth[level]


def test_the_machine_is_measured():
    machine = Machine.here()
    assert machine.cores >= 1
    assert machine.cpu
    assert machine.versions["torch"] == torch.__version__
    before = torch.get_num_threads()
    ceiling = measure_ceiling(machine, 1, ["float32", "float64"], 0.0)
    assert torch.get_num_threads() == before
    assert min(*ceiling.flops.values(), *ceiling.bandwidth.values(), *ceiling.squashing.values()) > 0


def test_contenders_that_disagree_are_not_timed():
    ours = Contender(lambda: torch.ones(3))
    work = Work(())
    Contest(ours, work, {"torch": Contender(lambda: torch.ones(1, 3) + 1e-5)}).check("x")
    for other in (torch.ones(3) + 0.01, torch.ones(4), torch.tensor([1.0, 1.0, float("nan")])):
        with pytest.raises(ComparisonError, match="x: ours and torch give different results"):
            Contest(ours, work, {"torch": Contender(lambda other=other: other)}).check("x")


def test_rows_have_names_of_their_own_and_words_choose_them():
    everything = cases([1, 2])
    assert len({str(case) for case in everything}) == len(everything)
    assert len([case for case in everything if case.section == "target"]) == 54
    found = chosen(everything, "gru TRAIN h=64")
    assert {(case.layer, case.what, case.hidden) for case in found} == {("gru", "train", 64)}
    assert chosen(everything, "") == everything
    assert all(case.section == "step" for case in chosen(everything, "step"))
    with pytest.raises(ConfigError, match=r"--only: no row has the word 'grru'; did you mean 'gru'\?"):
        chosen(everything, "grru")
    with pytest.raises(ConfigError, match="no row has all of them"):
        chosen(everything, "gru lstm")


@pytest.mark.parametrize("layer", ["lstm", "gru", "rnn"])
def test_onnx_runtime_comes_to_torch_s_numbers(layer):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from ostinato.bench import onnx

    theirs = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[layer](5, 7, batch_first=True)
    x = torch.randn(3, 4, 5)
    _, outcome = onnx.sequence(theirs, x, 1)
    torch.testing.assert_close(torch.as_tensor(outcome().copy()), theirs(x)[0], rtol=1e-5, atol=1e-6)
    call, first = onnx.step(theirs, x[:1, :1], 1)
    torch.testing.assert_close(torch.as_tensor(first().copy()), theirs(x[:1, :1])[0], rtol=1e-5, atol=1e-6)
    call()  # goes on from there without complaint


SMALL = (
    BenchCase("target", "gru", "infer", 2, 3, 8, 1, target_ratio=1e9),
    BenchCase("target", "rnn", "train", 2, 3, 8, 1, target_ratio=1e-9),
    BenchCase("beyond", "lstm", "train", 2, 3, 8, 1, dtype="float64"),
    BenchCase("model", "tagger", "train", 2, 8, 8, 1),
    BenchCase("model", "classifier", "infer", 3, 8, 8, 1),
    BenchCase("training", "language-1", "train", 8, 64, 8, 1, target_ratio=1e-9),
    BenchCase("training", "language-2", "train", 2, 8, 8, 1, target_ratio=1e9),
)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_a_row_is_measured(case):
    ceiling = Ceiling(1, {"float32": 1e11, "float64": 5e10}, CEILING.bandwidth, CACHES, CEILING.squashing)
    before = torch.get_num_threads(), torch.get_rng_state()
    row = measure(case, ceiling, seconds=0.001)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert row.ratio > 0
    assert row.share_of_peak > 0
    assert row.share_of_roofline > 0
    assert row.met is {1e9: False, 1e-9: True, None: None}[case.target_ratio]
    assert row.as_object()["against"]["torch"]["pairs"] >= LEAST_PAIRS


def test_a_loop_that_trains_otherwise_is_not_timed(monkeypatch):
    theirs = bench_training.groups
    monkeypatch.setattr(
        bench_training, "groups", lambda model, decay: [{**group, "lr": 0.1} for group in theirs(model, decay)]
    )
    contest = bench_training.contest(SMALL[-1])
    with pytest.raises(ComparisonError, match="different results"):
        contest.check("x")


@pytest.mark.parametrize(("microseconds", "met"), [(1e9, True), (1e-9, False)])
def test_a_step_is_measured(microseconds, met):
    ceiling = Ceiling(1, {"float32": 1e11}, CEILING.bandwidth, CACHES, CEILING.squashing)
    row = measure(
        BenchCase("step", "gru", "step", 1, 1, 8, 1, target_microseconds=microseconds), ceiling, seconds=0.001
    )
    assert row.met is met
    assert {"torch", "torch_cell"} <= set(row.against)


def test_it_does_without_onnx_runtime(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    results = Results.begin(SMALL[:1], 0.001, "ostinato bench")
    assert results.skipped == ('ONNX Runtime: onnx and onnxruntime not installed; pip install "ostinato[export]"',)
    assert set(measure(SMALL[0], results.ceilings[1], 0.001).against) == {"torch"}


def test_partials_are_warm_before_they_are_timed(monkeypatch):
    clock = Clock(monkeypatch)
    first = iter([100.0])

    def ours(cost):
        clock.now += next(first, cost)

    assert paired(partial(ours, 0.1), clock.takes("theirs", 0.1), 0.5).ours == pytest.approx(0.1)
