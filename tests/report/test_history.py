"""A log as it may be found: half-written, damaged, of another kind."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsed import Page
from small_runs import reported, rows, subject

from ostinato.errors import DataError
from ostinato.report.charts import charts
from ostinato.report.history import History

TRAIN = {
    "kind": "train", "step": 2, "epoch": 0, "loss": 1.5, "rate": 0.01, "gradient_norm": 0.5, "clipped": 0.0,
    "skipped": 0, "tokens_a_second": 100.0, "seconds": 0.5,
}  # fmt: skip
SCORE = {"name": "m", "value": 1.0, "unit": "u", "better": "lower", "signature": {"a": "b"}, "interval": [0.5, 2.0]}
SCORES = {"kind": "scores", "step": 2, "epoch": 0, "split": "valid", "best": True, "scores": [SCORE], "seconds": 0.6}
BASELINES = {"kind": "baselines", "step": 2, "split": "valid", "scores": {"b": [SCORE]}}
NOTE = {"kind": "note", "step": 2, "note": "total_steps", "total_steps": 40, "seconds": 0.7}
RETURN = {"kind": "note", "step": 2, "note": "return", "from_step": 9, "reason": "NaN", "rate_scale": 0.5}


def log(folder, *lines, end="\n"):
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "metrics.jsonl").write_text("\n".join(texts) + end, "utf-8")
    return folder


def test_rows_by_their_kind(tmp_path):
    other = {**BASELINES, "scores": {"b": [{**SCORE, "value": 3.0}], "c": [SCORE]}}
    found = History.read(log(tmp_path, TRAIN, SCORES, NOTE, RETURN, BASELINES, other))
    assert found.training == (TRAIN,)
    assert found.notes == (NOTE, RETURN)
    (evaluation,) = found.evaluations
    assert (evaluation.step, evaluation.split, evaluation.scores[0].interval) == (2, "valid", (0.5, 2.0))
    assert found.best == evaluation
    assert [(each.name, each.split, each.scores[0].value) for each in found.baselines] == [
        ("b", "valid", 3.0),
        ("c", "valid", 1.0),
    ]
    assert (found.steps, found.seconds, found.unfinished) == (2, 0.7, 0)


@given(st.integers(1, len(json.dumps(SCORES)) - 1))
def test_wherever_the_last_line_is_cut_it_is_counted_and_the_others_are_kept(tmp_path_factory, at):
    folder = tmp_path_factory.mktemp("cut", numbered=True)
    found = History.read(log(folder, TRAIN, json.dumps(SCORES)[:at], end=""))
    assert found == History((TRAIN,), unfinished=1)


def test_a_whole_last_line_needs_no_end(tmp_path):
    assert History.read(log(tmp_path, TRAIN, SCORES, end="")) == History.read(log(tmp_path, TRAIN, SCORES))


def _without(table, name):
    return {key: value for key, value in table.items() if key != name}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "Expecting value"), ("{", "Expecting"), ("[]", "indices"), ("7", "subscript"), ("{}", "'kind' is missing"),
        ("\0" * 8, "Expecting value"), ("[" * 100_000, "recursion"), ('{"kind": []}', "unhashable"),
        ({**TRAIN, "kind": "other"}, "'other' is missing or unknown"),
        *((_without(TRAIN, name), f"'{name}' is missing") for name in TRAIN),
        ({**TRAIN, "loss": "1.5"}, "'loss' is not a finite number"),
        ({**TRAIN, "step": None}, "'step' is not a finite"),
        ({**TRAIN, "rate": math.nan}, "'rate' is not a finite number"),
        ({**TRAIN, "seconds": True}, "'seconds' is not"),
        (json.dumps(TRAIN).replace("1.5", "1e999"), "'loss' is not a finite number"),
        (json.dumps(TRAIN).replace("1.5", "1" + "0" * 400), "too large"),
        *((_without(SCORES, name), f"'{name}' is missing") for name in SCORES if name not in ("epoch",)),
        *(({**SCORES, "scores": [_without(SCORE, name)]}, f"'{name}' is missing or unknown") for name in SCORE),
        ({**SCORES, "scores": []}, "is empty"), ({**SCORES, "step": "2"}, "'step' is not"),
        ({**SCORES, "scores": [{**SCORE, "more": 1}]}, "'more' is missing or unknown"),
        ({**SCORES, "scores": [{**SCORE, "value": "1"}]}, "the score 'm' is not a number"),
        ({**SCORES, "scores": [{**SCORE, "better": "left"}]}, "'better' is neither"),
        ({**SCORES, "scores": [{**SCORE, "interval": [1.0]}]}, "out of range"),
        ({**SCORES, "scores": [{**SCORE, "signature": {"a": 1}}]}, "'a' is not a text"),
        ({**SCORES, "scores": [{**SCORE, "unit": 1}]}, "'unit' is not a text"),
        ({**SCORES, "split": 1}, "'split' is not"),
        (_without(NOTE, "total_steps"), "'total_steps' is missing"), ({**NOTE, "note": 1}, "'note' is not a text"),
        (_without(RETURN, "reason"), "'reason' is missing"), ({**RETURN, "rate_scale": "1"}, "'rate_scale' is not"),
        ({**NOTE, "seconds": "1"}, "'seconds' is not"),
        *((_without(BASELINES, name), f"'{name}' is missing") for name in ("kind", "split", "scores")),
        ({**BASELINES, "scores": {"b": []}}, "is empty"), ({**BASELINES, "scores": [SCORE]}, "items"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named_with_its_file_and_number(tmp_path, line, says):
    with pytest.raises(DataError) as raised:
        History.read(log(tmp_path, TRAIN, line, SCORES))
    assert str(raised.value).startswith(f"{tmp_path / 'metrics.jsonl'}: line 2: ")
    assert says in str(raised.value)
    assert str(raised.value).endswith("; put the file back as it was, or train again with --fresh")


def test_no_utf_8_is_a_damaged_line(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(json.dumps(TRAIN).encode() + b'\n{"kind": "\xff"}\n')
    with pytest.raises(DataError, match=r"line 2: .*utf-8"):
        History.read(tmp_path)


def test_no_log_is_an_empty_one_and_one_that_cannot_be_read_is_said(tmp_path):
    assert History.read(tmp_path) == History()
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(DataError, match="it cannot be read"):
        History.read(tmp_path)


def test_half_a_line_is_noted_on_the_page(copied):
    run = copied("lstm")
    whole = len(rows(run, "scores"))
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"kind": "tr')
    assert len(subject(run).history.evaluations) == whole
    assert "the last line of its log is half-written and was left out" in Page(reported(run)).section("notes").text


def test_what_happened_on_the_way_is_told(copied):
    skipped = {**TRAIN, "skipped": 1, "loss": None, "gradient_norm": None, "clipped": None}
    run = log(copied("lstm"), skipped, RETURN, NOTE, {"kind": "note", "step": 3, "note": "<i>new", "why": "<b>"})
    page = Page(reported(run))
    said = [(row["step"].text, row["note"].text) for _, found in page.tables("notes") for row in found]
    assert said == [
        ("2", "NaN at step 9; training went back to this step and continued with 0.5 of the learning rate"),
        ("2", "train.seconds was fixed at 40 steps, from the speed so far"),
        ("3", '<i>new {"why": "<b>"}'),
        ("", "1 step was skipped, as the loss or its gradient was not finite"),
    ]
    (loss,) = [chart for chart in charts([subject(run)]) if chart.title == "Training loss"]
    assert [math.isnan(value) for value in loss.series[0].y] == [True]


def test_a_score_that_is_not_finite_is_a_gap_and_a_word(copied):
    bad = {**SCORES, "best": False, "scores": [{**SCORE, "value": None, "interval": [None, None]}]}
    page = Page(reported(log(copied("lstm"), bad)))
    ((_, scores), _) = page.tables("scores")
    assert (scores[0]["model"].text, scores[0]["m"].text) == ("copy", "not finite")
