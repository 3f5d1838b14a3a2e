"""The command line as a person meets it: processes, exit codes, the last line, and never a traceback."""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import ostinato
from ostinato.cli.app import PLANNED

COMMAND = [sys.executable, "-m", "ostinato"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

# Importing torch takes seconds, so one process does it and a fork of it runs each command.
FORKS = """
import json, os, resource, sys, traceback
import ostinato.bundle, ostinato.decode, ostinato.lm, ostinato.recipe, ostinato.training.fitting
from ostinato.cli import main
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
            flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(asked[name], flags), descriptor)
        sys.stdin = open(0, closefd=False)
        os.chdir(asked["cwd"])
        os.environ.update(asked["environment"])
        if asked["file_bytes"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file_bytes"],) * 2)
        try:
            main(asked["arguments"])
        except SystemExit as leaving:
            sys.stdout.flush()
            os._exit(leaving.code)
        except BaseException:
            traceback.print_exc()
        os._exit(99)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

RECIPE = """
[task]
name = "language"
bptt_steps = 16
[data]
name = "text"
text = "{text}"
[model]
name = "language"
embedding = 8
cell = {{ name = "lstm", hidden = 16 }}
[train]
batch_size = 8
steps = 60
evaluate_every = 30
optimizer = {{ name = "adamw", learning_rate = 2e-2 }}
schedule = {{ name = "constant", warmup = 5 }}
"""


@dataclass(frozen=True)
class Left:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *words: str) -> None:
        """It left with `code` and said why, without a traceback and without results."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        for word in words:
            assert word in self.err

    def fine(self) -> "Left":
        assert self.code == 0, self.err
        assert "Traceback" not in self.err
        return self


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs a command of ours in a process of its own."""
    folder = tmp_path_factory.mktemp("forks")
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as forks:

        def command(
            *arguments: object, stdin: bytes = b"", cwd: Path = folder, file_bytes: int = 0, **environment: str
        ) -> Left:
            (folder / "stdin").write_bytes(stdin)
            names = {name: str(folder / name) for name in ("stdin", "stdout", "stderr")}
            asked = {**names, "arguments": [*map(str, arguments)], "cwd": str(cwd), "file_bytes": file_bytes}
            asked["environment"] = environment
            forks.stdin.write(json.dumps(asked) + "\n")
            forks.stdin.flush()
            code = int(forks.stdout.readline())
            return Left(code, (folder / "stdout").read_text("utf-8"), (folder / "stderr").read_text("utf-8"))

        yield command
        forks.stdin.close()


@pytest.fixture(scope="session")
def here(tmp_path_factory) -> Path:
    """A folder with a text, a recipe for it, and a slightly different text."""
    folder = tmp_path_factory.mktemp("here")
    chance = random.Random(1)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "one", "bird", "over", "my", "old", "tree;", "é"]
    for name in ("text", "other"):
        (folder / f"{name}.txt").write_text(" ".join(chance.choices(words, k=2000)), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE.format(text=folder / "text.txt"))
    return folder


@pytest.fixture(scope="session")
def trained(run, here) -> tuple[Path, Left]:
    """A trained run, and what training it printed."""
    left = run("train", here / "recipe.toml", "--out", here / "run")
    return here / "run", left.fine()


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """A copy of the trained run to damage."""
    return Path(shutil.copytree(trained[0], tmp_path / "copy"))


def test_help_is_quick_and_does_without_torch():
    code = (
        "import sys\nfrom ostinato.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as leaving:\n"
        "    assert not leaving.code\nassert 'torch' not in sys.modules and 'pydantic' not in sys.modules"
    )
    seconds = []
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=ENVIRONMENT)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        assert process.returncode == 0
        assert b"evaluate" in said
        seconds.append(used.ru_utime + used.ru_stime)
    assert min(seconds) < 0.3  # of a processor, which other work on the machine does not lengthen much


def test_the_version_is_the_package_s(run):
    assert run("--version").fine().out == f"ostinato {ostinato.__version__}\n"


@pytest.mark.parametrize("verb", PLANNED)
def test_planned_verbs_say_that_they_do_not_exist_yet(run, verb):
    left = run(verb, "--port", "80", "x")
    left.refused(2, f"ostinato {verb}", "does not exist yet")
    assert left.err.count("\n") == 1


def test_wrong_calls_are_explained(run):
    run("trian").refused(2, "no such command 'trian'", "train")
    run("train").refused(2, "ostinato train", "recipe", "--help")
    run("train", "--bogus", "x").refused(2, "--bogus")


def test_training_prints_the_model_beside_what_counting_gives(trained):
    _, left = trained
    lines = left.out.splitlines()
    assert lines[0].split("  ")[0] == "on held-out text"
    assert {line.split("  ")[0] for line in lines[1:5]} == {"this model", "6-gram", "bigram", "unigram"}
    assert "parameters" in lines[-1]
    assert "60 steps" in lines[-1]
    assert "generate" in left.err  # what to type next


def test_a_finished_run_is_not_trained_again(run, here, trained):
    folder, before = trained
    started = time.monotonic()
    assert run("train", here / "recipe.toml", "--out", folder).fine().out == before.out
    assert time.monotonic() - started < 10


def test_training_as_json(run, here, trained):
    left = run("train", here / "recipe.toml", "--out", trained[0], "--json").fine()
    found = json.loads(left.out)
    assert found["steps"] == 60
    assert set(found["baselines"]) == {"6-gram", "bigram", "unigram", "uniform"}
    assert found["scores"]["bits_per_character"]["value"] < found["baselines"]["uniform"]["bits_per_character"]["value"]


def test_another_recipe_in_the_same_folder_is_refused_and_fresh_starts_again(run, here, copied):
    changed = ("train", here / "recipe.toml", "--out", copied, "--set", "train.steps=3")
    run(*changed).refused(2, "train.steps", "--fresh")
    assert "3 steps" in run(*changed, "--fresh").fine().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("model.cell.hiden=3", ["model.cell.hiden", "did you mean 'hidden'?"]),
        ("model.name=langage", ["langage", "did you mean 'language'?"]),
        ("train.batch_size=many", ["train.batch_size", "'many'"]),
        ("train.batch_size=0", ["train.batch_size"]),
        ("nonsense", ["--set nonsense", "train.batch_size=32"]),
        ("task.name=knit", ["task", "knit"]),
        ("model.cell.hidden=65536", ["parameters", "GiB"]),
    ],
)
def test_a_wrong_value_is_named_with_the_right_one(run, here, tmp_path, change, words):
    left = run("train", here / "recipe.toml", "--out", tmp_path / "run", "--set", change, "--set", "model.layers=64")
    left.refused(6 if "GiB" in words else 2, *words)


def test_all_problems_are_named_at_once(run, here, tmp_path):
    changes = [
        word for change in ("model.cel=3", "train.batch_size=-1", "data.valid=2.0") for word in ("--set", change)
    ]
    left = run("train", here / "recipe.toml", "--out", tmp_path / "run", *changes)
    left.refused(2, "model.cel", "train.batch_size", "data.valid")
    assert left.err.count(f"{here / 'recipe.toml'}: ") == len(left.err.splitlines()) == 3


def test_what_is_no_recipe(run, here, tmp_path):
    run("train", tmp_path).refused(2, str(tmp_path), "directory")
    run("train", here / "recipe.tml").refused(2, "no such recipe", "recipe.toml")
    (tmp_path / "bad.toml").write_text("[task\n")
    run("train", tmp_path / "bad.toml").refused(2, "not TOML")
    run("train", here / "text.txt", "--out", here / "text.txt").refused(2, "not TOML")
    run("train", here / "recipe.toml", "--out", here).refused(2, str(here), "--out")
    run("train", "novel.txt").refused(2, "ostinato train char-rnn --set data.text=novel.txt")
    run("train", here / "text.txt").refused(2, f"ostinato train char-rnn --set data.text={here / 'text.txt'}")
    run("compare", "recal").refused(2, "did you mean 'recall'?")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", ["empty"]),
        (b"x", ["too few"]),
        (b"abc" * 500 + b"\xff" + b"abc" * 500, ["byte 1500", "UTF-8", 'errors = "replace"']),
        (None, ["no such file"]),
    ],
)
def test_a_text_that_cannot_be_learnt_from(run, here, tmp_path, raw, words):
    text = tmp_path / "text.txt"
    if raw is not None:
        text.write_bytes(raw)
    left = run("train", here / "recipe.toml", "--out", tmp_path / "run", "--set", f"data.text={text}")
    assert left.code == 3, left.err
    assert left.out == ""
    assert "Traceback" not in left.err
    assert str(text) in left.err.splitlines()[-1]
    for word in words:
        assert word in left.err.splitlines()[-1]


def test_a_folder_is_no_text(run, here, tmp_path):
    left = run("train", here / "recipe.toml", "--out", tmp_path / "run", "--set", f"data.text={here}")
    left.refused(3, str(here), "folder")


def test_bytes_that_are_not_utf8_can_be_replaced(run, here, tmp_path):
    (tmp_path / "text.txt").write_bytes(b"abc" * 500 + b"\xff" + b"abc" * 500)
    changes = [f"data.text={tmp_path / 'text.txt'}", "data.errors=replace", "train.steps=2"]
    chosen = [word for change in changes for word in ("--set", change)]
    run("train", here / "recipe.toml", "--out", tmp_path / "run", *chosen).fine()


def test_a_damaged_bundle_is_refused(run, copied, tmp_path):
    weights = copied / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    run("info", copied).refused(5, "model.safetensors", "sha256")
    weights.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    run("generate", copied).refused(5, "model.safetensors", "sha256")
    weights.unlink()
    run("predict", copied).refused(5, "model.safetensors", "No such file")
    run("info", tmp_path / "nothing").refused(5, "nothing", "no such folder")


def test_when_no_checkpoint_can_be_read_training_is_refused(run, here, copied):
    for weights in (copied / "checkpoints").glob("*/model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1])
    left = run("train", here / "recipe.toml", "--out", copied)
    assert left.code == 5
    assert left.out == ""
    assert "--fresh" in left.err.splitlines()[-1]


def test_a_full_disk_is_said(run, here, tmp_path):
    left = run("train", here / "recipe.toml", "--out", tmp_path / "run", file_bytes=8192)
    assert left.code == 6, left.err
    assert left.out == ""
    assert "disk is full" in left.err.splitlines()[-1]


def test_sigterm_leaves_a_checkpoint_and_the_same_command_goes_on(run, here, tmp_path):
    command = ["train", here / "recipe.toml", "--out", tmp_path / "run", "--set", "train.steps=100000"]
    arguments = [*COMMAND, *map(str, command)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        curve = tmp_path / "run" / "metrics.jsonl"
        while not curve.exists() or b"scores" not in curve.read_bytes():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert out == b""
    assert b"run the same command to go on" in err.splitlines()[-1]
    assert "parameters" in run("info", tmp_path / "run").fine().out  # the best so far


def test_generate(run, trained):
    folder, _ = trained
    plain = run("generate", folder, "--prompt", "the ", "--length", 40).fine().out
    assert plain.startswith("the ")
    assert len(plain) == 4 + 40 + 1
    assert run("generate", folder, "--prompt", "the ", "--length", 40, "--stream").fine().out == plain
    assert run("generate", folder, "--prompt", "the ", "--length", 40, "--seed", 5).fine().out != plain
    greedy = run("generate", folder, "--temperature", 0, "--length", 9).fine().out
    assert greedy == run("generate", folder, "--top-k", 1, "--length", 9, "--seed", 3).fine().out
    assert len(greedy) == 10
    assert run("generate", folder, "--beam", 1, "--length", 9).fine().out == greedy
    ranked = ["--beam", 4, "--length-penalty", 0.6, "--no-repeat-ngram", 2, "--length", 30]
    written = run("generate", folder, *ranked).fine().out.removesuffix("\n")
    assert len({written[i : i + 2] for i in range(len(written) - 1)}) == len(written) - 1
    assert run("generate", folder, "--typical", 0.2, "--length", 30).fine().out != plain


def test_prompts_at_the_edge(run, trained):
    folder, _ = trained
    assert run("generate", folder, "--prompt", "", "--length", 0).fine().out == "\n"
    assert run("generate", folder, "--prompt", "cat", "--length", 0).fine().out == "cat\n"
    left = run("generate", folder, "--prompt", "a 漢 b 字", "--length", 3).fine()
    assert left.out.startswith("a 漢 b 字")
    assert "does not know" in left.err
    assert "漢" in left.err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", -1), ("--temperature", "nan"), ("--top-k", 0), ("--top-p", 1.5), ("--min-p", -0.1),
     ("--typical", 0), ("--no-repeat-ngram", 0), ("--beam", 0), ("--length-penalty", 0.6),
     ("--length", -1), ("--seed", -2), ("--length", "long")],
)  # fmt: skip
def test_options_out_of_range(run, trained, option, value):
    run("generate", trained[0], f"{option}={value}").refused(2, option)


@pytest.mark.parametrize("option", ["--temperature=0.5", "--top-k=2", "--typical=0.5", "--seed=1", "--stream"])
def test_a_beam_refuses_what_it_would_ignore(run, trained, option):
    run("generate", trained[0], "--beam", 2, option).refused(2, option.partition("=")[0])


def test_a_beam_refuses_a_penalty_below_zero(run, trained):
    run("generate", trained[0], "--beam", 2, "--length-penalty=-1").refused(2, "--length-penalty")
    for option in ("--typical=0.5", "--top-k=2", "--top-p=0.5", "--min-p=0.1", "--seed=1"):
        run("generate", trained[0], "--temperature", 0, option).refused(2, option.partition("=")[0], "temperature 0")


def test_stream_answers_each_element_before_the_next_and_waits_for_half_a_character(trained):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "stream", str(trained[0])], **pipes, env=ENVIRONMENT) as process:

        def answers(chunk: bytes, seconds: float) -> list[str]:
            process.stdin.write(chunk)
            process.stdin.flush()
            if not select.select([process.stdout], [], [], seconds)[0]:
                return []
            return [json.loads(line)["element"] for line in os.read(process.stdout.fileno(), 1 << 16).splitlines()]

        assert answers(b"t", 60) == ["t"]
        assert answers(b"\xc3", 0.5) == []
        assert answers(b"\xa9", 60) == ["é"]
        process.stdin.close()
        assert process.wait(60) == 0
        assert b"characters 2" in process.stderr.read()


def test_streamed_in_one_piece_or_bytes_that_are_no_text(run, trained):
    folder, _ = trained
    left = run("stream", folder, stdin="the é cat".encode()).fine()
    assert [json.loads(line)["element"] for line in left.out.splitlines()] == list("the é cat")
    left = run("stream", folder, stdin=b"ab\xffcd")
    assert left.code == 3
    assert "byte 2" in left.err
    assert run("stream", folder).fine().out == ""


def test_predict(run, here, trained, tmp_path):
    folder, _ = trained
    (tmp_path / "lines").write_bytes("the cat\r\n\nsat é".encode())
    left = run("predict", folder, tmp_path / "lines").fine()
    rows = [json.loads(line) for line in left.out.splitlines()]
    assert [row["text"] for row in rows] == ["the cat", "", "sat é"]
    assert rows[0]["nats"] > 0
    assert run("predict", folder, "-", stdin=(tmp_path / "lines").read_bytes()).fine().out == left.out
    (tmp_path / "empty").write_bytes(b"")
    left = run("predict", folder, tmp_path / "empty").fine()
    assert left.out == ""
    assert "no lines" in left.err
    (tmp_path / "odd").write_bytes(b"fine\nb\xffd\n")
    run("predict", folder, tmp_path / "odd").refused(3, "line 2", "byte 1", "UTF-8")
    run("predict", folder, tmp_path / "absent").refused(3, "absent")
    (tmp_path / "long").write_bytes(b"a" * (1 << 20) + b"b\n")
    run("predict", folder, tmp_path / "long").refused(3, "line 1", "1 MiB")


def test_evaluate_puts_only_like_beside_like(run, here, trained, tmp_path):
    folder, before = trained
    table = run("evaluate", folder).fine().out
    assert table.split()[-3:] == next(line for line in before.out.splitlines() if line.startswith("this")).split()[-3:]
    chosen = ["--set", "train.steps=2", "--set", f"data.text={here / 'other.txt'}"]
    run("train", here / "recipe.toml", "--out", tmp_path / "other", *chosen).fine()
    left = run("evaluate", folder, tmp_path / "other")
    assert left.code == 3
    assert left.out == ""
    assert "corpus" in left.err
    left = run("evaluate", folder, tmp_path / "other", "--text", here / "other.txt", "--json").fine()
    scores = json.loads(left.out)
    assert set(scores) == {str(folder), str(tmp_path / "other")}
    assert scores[str(folder)]["bits_per_character"]["signature"]["corpus"]
    run("evaluate", folder, "--split", "test").refused(2, "test")


def test_tokens_of_two_kinds_share_only_what_is_per_character(run, here, trained, tmp_path):
    chosen = ["--set", "train.steps=2", "--set", "task.tokenizer.name=byte"]
    run("train", here / "recipe.toml", "--out", tmp_path / "bytes", *chosen).fine()
    left = run("evaluate", trained[0], tmp_path / "bytes").fine()
    assert left.out.split("\n")[0].split() == ["bits", "per", "character", "nats", "per", "character"]
    assert "perplexity: left out" in left.err


def test_info(run, trained):
    folder, _ = trained
    said = run("info", folder).fine().out
    assert "parameters" in said
    assert 'cell = { name = "lstm", hidden = 16' in said
    found = json.loads(run("info", folder, "--json").fine().out)
    assert found["recipe"]["model"]["cell"]["hidden"] == 16
    assert found["scores"]["bits_per_character"]["value"] > 0
    assert found["streams"] is True


def test_a_reader_that_goes_away_is_no_error_to_speak_of(trained, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text("the cat\n" * 20000)
    command = [*COMMAND, "predict", str(trained[0]), str(lines)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=ENVIRONMENT) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_the_unexpected_is_one_line(monkeypatch, capsys):
    from ostinato.cli import app

    def fails(*_, **__):
        raise RuntimeError("the floor\nis gone")

    monkeypatch.setattr(app, "app", fails)
    with pytest.raises(SystemExit) as leaving:
        app.main(["info", "x"])
    assert leaving.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "unexpected RuntimeError: the floor is gone" in said
    with pytest.raises(SystemExit):
        app.main(["info", "x", "--debug"])
    assert "Traceback" in capsys.readouterr().err
