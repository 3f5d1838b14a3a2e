"""A comparison's file: tables merge over one another, and what cannot be meant."""

import pytest
from small_comparison import compared

from ostinato.compare import load
from ostinato.compare.comparison import merge
from ostinato.errors import ComparisonError, ConfigError

SWEEP = '\n[sweep]\nkey = "data.problem.lag"\nvalues = [1, 2]\n'


def refused(path, changes=()) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        load(path, changes)
    return error.value.problems


def test_a_table_with_a_name_replaces_and_any_other_is_merged():
    under = {"a": {"name": "x", "p": 1}, "b": {"p": 1, "q": {"r": 2}}, "c": [1, 2]}
    assert merge(under, {"a": {"name": "y"}})["a"] == {"name": "y"}
    assert merge(under, {"a": {"p": 2}})["a"] == {"name": "x", "p": 2}
    assert merge(under, {"b": {"q": {"s": 3}}, "c": [3]}) == {**under, "b": {"p": 1, "q": {"r": 2, "s": 3}}, "c": [3]}
    assert under == {"a": {"name": "x", "p": 1}, "b": {"p": 1, "q": {"r": 2}}, "c": [1, 2]}


def test_contestants_have_the_recipe_and_what_is_their_own(tiny):
    found = load(tiny(more="train.optimizer.learning_rate = 0.5\n"), ["train.batch_size=4"])
    gru, bag = found.entries
    assert found.contestants == ["gru", "bag"]
    assert (gru.value, bag.value) == (None, None)
    assert gru.table["train"]["optimizer"] == {"name": "adamw", "learning_rate": 1e-2}
    assert bag.table["train"]["optimizer"] == {"name": "adamw", "learning_rate": 0.5}
    assert gru.table["train"]["batch_size"] == bag.table["train"]["batch_size"] == 4
    assert bag.table["model"] == {"name": "sequence", "embedding": 4, "body": [{"name": "mean_pooling"}]}
    assert set(bag.table) == {"task", "data", "model", "train"}


def test_a_sweep_sets_one_key_for_all(tiny):
    found = load(tiny(more=SWEEP))
    assert [(entry.contestant, entry.value) for entry in found.entries] == [
        ("gru", 1), ("bag", 1), ("gru", 2), ("bag", 2),
    ]  # fmt: skip
    for entry in found.entries:
        problem = entry.table["data"]["problem"]
        assert problem == {"name": "delayed_recall", "cues": 2, "distractors": 2, "lag": entry.value}


@pytest.mark.parametrize(
    ("replaced", "more", "words"),
    [
        ([], "\n[contestant.rnn]\n", ["contestant: a comparison has no such table", "'contestants'"]),
        ([("[compare]", "[compare]\nseed = 3")], "", ["compare.seed: a comparison has no such option", "'seeds'"]),
        ([("seeds = [1, 2]", "")], "", ["compare.seeds: a comparison needs it"]),
        ([("seeds = [1, 2]", "seeds = []")], "", ["compare.seeds: [] is empty or repeats"]),
        ([("seeds = [1, 2]", "seeds = [1, 1]")], "", ["compare.seeds: [1, 1] is empty or repeats"]),
        ([("[1, 2]", '[1]\nagainst = "gro"')], "", ["compare.against: there is no contestant 'gro'", "'gru'"]),
        ([("[1, 2]", '[1]\nbudget = { name = "flop", count = 9 }')], "", ["compare.budget: there is no", "flops"]),
        ([("steps = 2", "steps = 2\nseed = 3")], "", ["train.seed: the seeds are those of", "leave it out"]),
        ([], "train.seed = 3\n", ["contestants.bag.train.seed: the seeds are those"]),
        ([("[contestants.bag]", '[contestants."a/b"]')], "", ["contestants.a/b: a folder is named after it"]),
        ([("[contestants.bag]", '[contestants."..".x]')], "", ["contestants...: a folder is named after it"]),
        ([], SWEEP.replace("key", "kee"), ["sweep.kee: a sweep has no such option", "'key'"]),
        ([], SWEEP.replace("data.problem.lag", "lag"), ["sweep.key: 'lag' is not a key of a recipe"]),
        ([], SWEEP.replace("[1, 2]", "[1, 1]"), ["sweep.values: folders are named"]),
        ([], SWEEP.replace("[1, 2]", "[]"), ["sweep.values: folders are named"]),
        ([], SWEEP.replace("[1, 2]", '["a/b"]'), ["sweep.values: folders are named", "plain words"]),
        ([], SWEEP.replace("problem.lag", "train.lag"), ["sweep.key: train in 'train.lag' is a value"]),
        ([], "data.problem.lag = 9\n" + SWEEP, ["contestants.bag.data.problem.lag: the sweep sets it"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(tiny, replaced, more, words):
    path = tiny(*replaced, more=more)
    said = " ".join(refused(path))
    assert said.startswith(f"{path}: ")
    for word in words:
        assert word in said


def test_one_contestant_is_no_comparison(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text('[compare]\nseeds = [1]\n[contestants.gru]\nmodel.name = "sequence"\n')
    assert "contestants: there are 1; name at least two, each in a table [contestants.NAME]" in refused(path)[0]
    path.write_text("[compare]\nseeds = [1]\n")
    assert "there are 0; name at least two" in refused(path)[0]


def test_a_file_that_is_not_there_or_is_something_else(tiny, tmp_path):
    assert "there is no such comparison; did you mean 'tiny.toml'?" in refused(tiny().with_name("tyny.toml"))[0]
    assert "name a comparison's .toml file" in refused(tmp_path)[0]


def test_problems_of_all_are_said_once_and_those_of_some_with_their_names(tiny, tmp_path):
    path = tiny(("batch_size = 8", "batch_sizes = 8"), ("hidden = 6", "hiden = 6"), more="modle.body = []\n")
    with pytest.raises(ConfigError) as error:
        compared(path, tmp_path / "out")
    assert error.value.problems == (
        f"{path}: train.batch_sizes: training has no such option; did you mean 'batch_size'?",
        f"{path}: contestants.gru: model.body[0].cell.hiden: gru has no such option; did you mean 'hidden'?",
        f"{path}: contestants.gru: model.body[0].cell.hidden: gru needs it; add hidden = …",
        f"{path}: contestants.bag: modle: a recipe has no such table; did you mean 'model'?",
    )


def test_a_budget_that_cannot_be_met_is_said_before_anything_is_trained(tiny, tmp_path):
    budget = 'budget = { name = "parameters", count = 50 }'
    with pytest.raises(ConfigError) as error:
        compared(tiny(("seeds = [1, 2]", f"seeds = [1, 2]\n{budget}")), tmp_path / "out")
    assert [problem.partition(" has ")[0] for problem in error.value.problems] == [
        f"{tmp_path / 'tiny.toml'}: contestants.{name}: model: it" for name in ("gru", "bag")
    ]
    assert not (tmp_path / "out").exists()


def test_contestants_whose_numbers_do_not_mean_the_same_are_refused_before_anything_is_trained(tiny, tmp_path):
    with pytest.raises(ComparisonError, match=r"tiny\.toml: gru and bag: .*differ in examples .*seed 1.*seed 2"):
        compared(tiny(more="data.seed = 2\n"), tmp_path / "out")
    with pytest.raises(ComparisonError, match=r"gru and bag: .*accuracy and squared_error"):
        compared(tiny(more='data.problem = { name = "adding" }\n'), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_data_without_a_test_split_is_refused(tmp_path):
    path = tmp_path / "text.toml"
    (tmp_path / "some.txt").write_text("to be or not to be " * 50)
    path.write_text(
        f'[task]\nname = "language"\nbptt_steps = 8\n[data]\nname = "text"\ntext = "{tmp_path / "some.txt"}"\n'
        '[model]\nname = "language"\ncell = { name = "gru", hidden = 4 }\n[train]\nsteps = 2\n[compare]\nseeds = [1]\n'
        "[contestants.small]\n[contestants.large]\nmodel.cell.hidden = 5\n"
    )
    with pytest.raises(ConfigError, match=r"text\.toml: data: it has no test split; hold one out, for"):
        compared(path, tmp_path / "out")
