"""What a folder may be: under way, not evaluated, a bundle alone, damaged, or nothing of ours."""

import json
import shutil

import pytest
from parsed import Page, by_run
from small_runs import reported, rows, subject

from ostinato.bundle import Bundle
from ostinato.bundle_folder import MANIFEST
from ostinato.errors import BundleError, ConfigError, DataError
from ostinato.report import subjects
from ostinato.training import checkpoint

LOG = "metrics.jsonl"


def under_way(run, step=8):
    """As it was when training had come to that step."""
    bundle = json.loads((run / MANIFEST).read_bytes())["sha256"]
    for name in (MANIFEST, *bundle):
        (run / name).unlink()
    checkpoint.discard_after(run, step)
    size = checkpoint.newest(run, print).training["log_bytes"]
    (run / LOG).write_bytes((run / LOG).read_bytes()[:size])
    return run


def cell(page, column):
    (facts,) = by_run(page.tables("runs")[0][1]).values()
    return facts[column].text


def test_a_run_under_way(copied, made):
    run = under_way(copied("lstm"))
    assert [row["step"] for row in rows(run, "scores")] == [4, 8]
    page = Page(reported(run))
    assert cell(page, "state") == "not ended: still in training, or stopped"
    assert cell(page, "steps") == "8"
    assert cell(page, "parameters") == f"{Bundle.load(made / 'lstm').parameters():,}"
    assert "Training loss" in page.section("curves").text


def test_a_run_without_an_evaluation(copied):
    run = under_way(copied("lstm"))
    lines = rows(run, "train")
    (run / LOG).write_text("".join(json.dumps(row) + "\n" for row in lines))
    page = Page(reported(run))
    assert "There are none yet" in page.section("scores").text
    assert "Training loss" in page.section("curves").text
    (run / LOG).write_text("")
    page = Page(reported(run))
    assert "no training log has a row yet" in page.section("curves").text
    assert cell(page, "steps") == "0"


def test_one_that_was_not_evaluated_beside_one_that_was(made, copied):
    run = copied("gru")
    (run / LOG).write_text("")
    said = Page(reported(made / "lstm", run)).section("scores").text
    assert "Not evaluated yet, or without a log: copy." in said


def test_a_bundle_alone(made, tmp_path):
    Bundle.load(made / "lstm").save(tmp_path / "alone")
    page = Page(reported(tmp_path / "alone"))
    assert cell(page, "state") == "a bundle alone, without a training log"
    assert [cell(page, column) for column in ("steps", "best at step", "time in training")] == [""] * 3
    assert "no training log" in page.section("curves").text
    assert page.section("recipes").all("code")


def test_a_bundle_whose_recipe_does_not_say_how_it_was_trained(made, tmp_path):
    bundle = Bundle.load(made / "lstm")
    bundle.recipe = {name: bundle.recipe[name] for name in ("task", "model")}
    bundle.save(tmp_path / "alone")
    assert cell(Page(reported(tmp_path / "alone")), "model") == "language"


def test_a_run_whose_checkpoints_were_deleted_has_ended(copied):
    run = copied("lstm")
    shutil.rmtree(run / "checkpoints")
    assert cell(Page(reported(run)), "state") == "ended; there is no checkpoint that says how"


def test_a_damaged_checkpoint_is_passed_over_and_noted(copied):
    run = under_way(copied("lstm"), step=12)
    newest, older, *_ = checkpoint.folders(run)
    (newest / "training.json").write_text("{}")
    found = subject(run)
    assert newest.name in found.warnings[0]
    assert found.warnings[0] in Page(reported(run)).section("notes").text
    assert json.loads((older / "training.json").read_bytes())["run"]["stopped"] == ""
    assert found.state == "not ended"


def test_an_ended_run_needs_no_checkpoint_that_can_be_read_and_one_under_way_does(copied):
    run = copied("lstm")
    for folder in checkpoint.folders(run):
        (folder / MANIFEST).write_text("{}")
    found = subject(run)
    assert found.state == "ended"
    assert "none of its" in found.warnings[-1]
    for name in (MANIFEST, "config.json"):
        (run / name).unlink()
    with pytest.raises(BundleError, match=r"none of its .* checkpoints can be read"):
        subject(run)


def test_what_is_neither_run_nor_bundle_is_told_what_is_near(made, tmp_path):
    with pytest.raises(BundleError, match="there is no such folder"):
        subject(tmp_path / "no")
    (tmp_path / "words.ngram").write_text("a file")
    for reader in (subject, Bundle.load):
        with pytest.raises(BundleError, match=r"words\.ngram: it is a file; name the folder of"):
            reader(tmp_path / "words.ngram")
    (tmp_path / "words.ngram").unlink()
    with pytest.raises(
        BundleError, match="it is neither a training run nor a bundle; name one that `ostinato train` wrote"
    ):
        subject(tmp_path)
    with pytest.raises(BundleError, match=f"name those in it: {made / 'byte'} {made / 'gru'} "):
        subject(made)


def test_a_log_alone_waits_for_its_first_checkpoint(tmp_path):
    (tmp_path / LOG).write_text("")
    with pytest.raises(BundleError, match="has written no checkpoint yet; wait for the first one"):
        subject(tmp_path)


def test_damage_is_told_with_the_file(copied):
    run = copied("lstm")
    (run / "config.json").write_text("{}")
    with pytest.raises(BundleError, match=r"config\.json: its sha256"):
        subject(run)
    run = copied("lstm", "other")
    (run / LOG).write_text("{}\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl: line 1:"):
        subject(run)


def test_the_same_run_twice_is_refused(made):
    with pytest.raises(ConfigError, match="named more than once"):
        list(subjects([made / "lstm", made / "gru" / ".." / "lstm"]))
