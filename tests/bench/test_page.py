"""The page shows what was asked for beside what was measured, and does not hide a loss."""

import pytest

from ostinato.bench import BenchRow, Ceiling, Machine, Results, page
from ostinato.bench.grid import BenchCase
from ostinato.bench.pairs import Paired

CACHES = {"L1": 2**15, "L2": 2**20, "L3": 2**25}


def row(case: BenchCase, ratio: float, **more: float) -> BenchRow:
    against = {"torch": ratio, **more}
    pairs = {rival: Paired(2e-6, 2e-6 * r, r, (0.9 * r, 1.1 * r), 7) for rival, r in against.items()}
    return BenchRow(case, pairs, 5e9, 0.5, 0.25, 0.5)


@pytest.fixture
def results():
    def made(*rows, skipped=()):
        machine = Machine("A CPU", 2, 8.0, CACHES, False, "Linux", "avx2", {"torch": "2.13"}, 0.25)
        bandwidth = dict.fromkeys(("L1", "L2", "L3", "DRAM"), 1e11)
        squashing = {"infer": 1e-9, "train": 2e-9}
        ceilings = {count: Ceiling(count, {"float32": 1e11}, bandwidth, CACHES, squashing) for count in (1, 2)}
        return Results("ostinato bench", "2026-01-01", 2.0, machine, ceilings, list(rows), skipped)

    return made


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_a_missed_target_is_bold_and_counted(results):
    met = row(BenchCase("target", "gru", "infer", 1, 256, 64, 1, target_ratio=8.0), 9.0)
    missed = row(BenchCase("target", "gru", "infer", 1, 256, 64, 2, target_ratio=8.0), 7.0)
    text = section(page(results(met, missed)), "Against torch.nn")
    assert "1 of 2 are met" in text
    assert "| GRU | 64 | ≥ 8 | 9.00 | **7.00** |" in text


def test_what_is_missed_stands_beside_what_the_machine_allows(results):
    far = row(BenchCase("target", "gru", "infer", 1, 256, 64, 2, target_ratio=29.0), 7.0)
    map_too = row(BenchCase("target", "lstm", "train", 32, 128, 64, 1, target_ratio=20.0), 7.0)
    near = row(BenchCase("target", "rnn", "train", 32, 128, 64, 1, target_ratio=8.0), 7.0)
    text = section(page(results(far, map_too, near)), "Against torch.nn")
    assert "| GRU | infer | 1 | 64 | 2 | 29 | 7.00 | 28.00 | 14.00 | beyond the products alone |" in text
    assert "| LSTM | train | 32 | 64 | 1 | 20 | 7.00 | 28.00 | 14.00 | beyond them and the map |" in text
    assert "| RNN | train | 32 | 64 | 1 | 8 | 7.00 | 28.00 | 14.00 |  |" in text


def test_losses_have_a_heading_of_their_own_whoever_wins(results):
    fine = row(BenchCase("target", "gru", "infer", 1, 256, 64, 1, target_ratio=8.0), 9.0, onnx=0.8)
    slow = row(BenchCase("beyond", "lstm", "train", 64, 32, 1024, 2), 0.95)
    text = section(page(results(fine, slow)), "Where it loses")
    assert "| GRU | infer | 1 | 256 | 64 | 1 | ONNX Runtime |" in text
    assert "| LSTM | train | 64 | 32 | 1024 | 2 | torch.nn | 0.002 | 0.002 | 0.95 |" in text
    assert "Nowhere" in section(page(results(row(fine.case, 2.0))), "Where it loses")


def test_the_page_says_on_what_it_was_measured(results):
    text = page(
        results(row(BenchCase("target", "rnn", "train", 1, 256, 64, 1, target_ratio=8.0), 9.0), skipped=("X: why",))
    )
    for words in (
        "A CPU, 2 cores",
        "| threads | 1 and 2 |",
        "| seed, seconds a pair | 1, 2 |",
        "torch 2.13",
        "- X: why",
    ):
        assert words in text
    assert "One step" not in text  # no such row was measured


def test_steps_are_in_microseconds_and_models_before_and_after(results):
    step = row(BenchCase("step", "lstm", "step", 1, 1, 64, 1, target_microseconds=5.0), 30.0, onnx=4.0)
    late = row(BenchCase("step", "lstm", "step", 1, 1, 128, 1, target_microseconds=1.0), 30.0)
    tagger = row(BenchCase("model", "tagger", "train", 32, 64, 128, 1), 1.5)
    text = page(results(step, late, tagger))
    assert "| LSTM | 64 | ≤ 5 | 2.0 | 60.0 (30.0 ×) |  | 8.0 (4.0 ×) | 25% |" in text
    assert "| LSTM | 128 | ≤ 1 | **2.0** |" in text
    assert "before ms | after ms" in section(text, "Whole models")


def test_training_steps_stand_beside_what_was_asked(results):
    met = row(BenchCase("training", "language-1", "train", 32, 64, 256, 2, target_ratio=1.05), 1.5)
    missed = row(BenchCase("training", "language-2", "train", 32, 64, 256, 2, target_ratio=1.05), 1.04)
    text = section(page(results(met, missed)), "Training steps")
    assert "| language-1 | train | 32 | 64 | 256 | 2 | ≥ 1.05 | 0.00 | 0.00 | 1.50 |" in text
    assert "| language-2 | train | 32 | 64 | 256 | 2 | ≥ 1.05 | 0.00 | 0.00 | **1.04** |" in text
