"""A bundle: what was saved is loaded to the same bits; what was not is refused, in one sentence, before it costs."""

import json
import os
import random

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ostinato
from ostinato import bundle_folder as bundles
from ostinato.bundle import WEIGHTS, Bundle
from ostinato.bundle_folder import MANIFEST, SCHEMA, read_folder, write_folder
from ostinato.errors import BundleError, ResourceError
from ostinato.models import models
from ostinato.recipe import resolve
from ostinato.tasks import tasks
from ostinato.text import tokenizers

TEXT = "ein kleines lied, das wiederkehrt"


def made(**options) -> Bundle:
    torch.manual_seed(0)
    task_spec = tasks.spec({"name": "language", "bptt_steps": 8})
    tokenizer = tokenizers.build({"name": "character"})
    tokenizer.train([TEXT])
    task = task_spec.build()
    task.restore({"tokenizer.json": tokenizer.to_json()})
    spec = models.spec({"name": "language", "cell": {"name": "lstm", "hidden": 4}, "embedding": 3, **options})
    return Bundle(task, task.model(spec), {"task": resolve(task_spec), "model": resolve(spec), "data": {}, "train": {}})


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Bundle:
    return made(layers=2, tied=True)


@pytest.fixture
def folder(good, tmp_path):
    good.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def refused(folder) -> str:
    with pytest.raises(BundleError) as error:
        Bundle.load(folder)
    said = str(error.value)
    assert "\n" not in said.strip(), said
    assert ";" in said, said
    assert str(folder) in said, said
    return said


def forged(folder, **changed: bytes | None) -> None:
    """Other contents under a manifest that fits them, as a stranger would make it."""
    files = read_folder(folder)
    for name, data in changed.items():
        name = {"config": "config.json", "weights": WEIGHTS, "tokenizer": "tokenizer.json"}[name]
        files.pop(name)
        if data is not None:
            files[name] = data
    write_folder(folder, files)


def config(folder, **changed) -> bytes:
    return json.dumps({**json.loads((folder / "config.json").read_text()), **changed}).encode()


def test_what_was_saved_is_loaded_to_the_same_bits(good, folder):
    loaded = ostinato.load(str(folder))
    assert loaded.recipe == good.recipe
    assert loaded.parameters() == good.parameters()
    for name, tensor in good.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)
    (mine,), (theirs,) = good.predict(["ein lied"]), loaded.predict(["ein lied"])
    assert np.array_equal(mine.log_probs, theirs.log_probs)
    assert not loaded.model.training
    assert {path.name for path in folder.iterdir()} == {
        "config.json", WEIGHTS, "tokenizer.json", "README.md", MANIFEST,
    }  # fmt: skip


def test_the_same_bundle_is_the_same_bytes(good, tmp_path):
    good.save(tmp_path / "one")
    Bundle.load(tmp_path / "one").save_pretrained(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert Bundle.from_pretrained(tmp_path / "two").recipe == good.recipe


def test_saving_over_a_bundle_keeps_what_else_stands_there(good, folder):
    (folder / "notes.txt").write_text("mine")
    made().save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert Bundle.load(folder).parameters() == made().parameters()
    assert not [path for path in folder.parent.iterdir() if path.name != "bundle"]


def test_a_live_stream_of_a_bundle_says_what_predict_says(folder):
    loaded = Bundle.load(folder)
    live = loaded.stream()
    for letter in TEXT:
        live.push(letter)
    _, heard = live.close()
    assert heard.nats == pytest.approx(-loaded.predict([TEXT])[0].log_probs.sum(), rel=1e-6)


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json", "README.md", MANIFEST])
def test_no_flipped_bit_is_taken(folder, name):
    """Every byte of the manifest and two hundred of each other file."""
    whole = (folder / name).read_bytes()
    chance = random.Random(0)
    places = range(len(whole)) if name == MANIFEST else [chance.randrange(len(whole)) for _ in range(200)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(damaged)
        with pytest.raises(BundleError):
            read_folder(folder)
    (folder / name).write_bytes(whole)
    Bundle.load(folder)


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json", "README.md", MANIFEST])
def test_no_truncation_is_taken(folder, name):
    """The manifest at every length, other files at fifty, and a byte too many."""
    whole = (folder / name).read_bytes()
    step = 1 if name == MANIFEST else max(len(whole) // 50, 1)
    for length in range(0, len(whole), step):
        (folder / name).write_bytes(whole[:length])
        with pytest.raises(BundleError):
            read_folder(folder)
    (folder / name).write_bytes(whole + b"\n")
    assert name in refused(folder)
    (folder / name).unlink()
    assert "cannot be read" in refused(folder)


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/hostname", "sub/file", "..", "", ".", "a\0b", "a\nb", "..\\outside", "./config.json"],
    ids=repr,
)
def test_a_manifest_that_names_what_is_not_in_its_folder(folder, name):
    (folder.parent / "outside").write_text("secret")
    body = json.loads((folder / MANIFEST).read_text())
    body["sha256"][name] = "0" * 64
    (folder / MANIFEST).write_text(json.dumps(body))
    assert "outside its folder" in refused(folder)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"7", b"null", b"\xff", b"{}", b'{"schema": 1}', b'{"schema": 1, "sha256": 3}',
        b'{"schema": "x", "sha256": {}}', b'{"schema": Infinity, "sha256": {}}', b'{"schema": 1, "sha256": {}}',
        b'{"schema": 1, "sha256": {"config.json": 5}}', b'{"schema": -1, "sha256": {}}', b"[" * 100_000,
        b'{"schema": null, "sha256": {}}', b'{"schema": 1, "sha256": [["config.json"]]}',
    ],
    ids=lambda raw: repr(raw[:40]),
)  # fmt: skip
def test_a_manifest_that_is_none(folder, raw):
    (folder / MANIFEST).write_bytes(raw)
    refused(folder)


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,schema1sha256 .', max_size=80).map(str.encode))
def test_any_bytes_as_a_manifest_are_refused(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("any")
    (folder / MANIFEST).write_bytes(raw)
    refused(folder)


def test_a_newer_schema_is_refused_whatever_it_looks_like(folder):
    (folder / MANIFEST).write_text(json.dumps({"schema": SCHEMA + 1, "sha256": {}, "signature": "new"}))
    assert f"schema is {SCHEMA + 1}" in refused(folder)
    assert "upgrade" in refused(folder)


def test_an_older_schema_is_migrated_step_by_step(good, folder, monkeypatch):
    """Schema 0, which never was, called the weights by another name."""
    files = read_folder(folder)
    old = {("weights.bin" if name == WEIGHTS else name): data for name, data in files.items()}
    for name, data in old.items():
        (folder / name).write_bytes(data)
    (folder / WEIGHTS).unlink()
    (folder / MANIFEST).write_bytes(bundles._manifest(old, schema=0))
    assert "schema 0 is no longer read" in refused(folder)
    monkeypatch.setitem(
        bundles.MIGRATIONS, 0, lambda was: {(WEIGHTS if name == "weights.bin" else name): d for name, d in was.items()}
    )
    assert Bundle.load(folder).parameters() == good.parameters()


def test_what_the_configuration_may_hold(folder):
    for wrong, says in (
        (config(folder, extra=1), "extra is missing or unknown"),
        (json.dumps({"recipe": {}}).encode(), "architectures, model_type, ostinato_version"),
        (b"{", "cannot be read"),
        (b"[]", "missing"),
        (b"3", "cannot be read"),
        (b"{" * 50_000, "cannot be read"),
        (config(folder, recipe=[1]), "no table"),
        (config(folder, recipe={}), "does not fit"),
        (config(folder, recipe={"task": {"name": "language"}, "model": 5}), "does not fit"),
        (config(folder, recipe={"task": {"name": "nonsense"}, "model": {}}), "no task 'nonsense'"),
        (None, "config.json"),
    ):
        kept = (folder / "config.json").read_bytes()
        forged(folder, config=wrong)
        assert says in refused(folder)
        forged(folder, **({"config": kept} if wrong is not None else {})) if wrong is not None else None


def test_code_in_a_recipe_is_a_name_that_nobody_has(folder):
    recipe = json.loads((folder / "config.json").read_text())["recipe"]
    recipe["model"]["name"] = "os.system"
    forged(folder, config=config(folder, recipe=recipe))
    assert "no model 'os.system'" in refused(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t | {"more": torch.zeros(1)}, "unexpected tensor 'more'"),
        (lambda t: {k: v for k, v in t.items() if k != "bias"}, "has no tensor 'bias'"),
        (lambda t: t | {"bias": torch.zeros(3)}, "'bias' is torch.float32 [3]"),
        (lambda t: t | {"bias": t["bias"].double()}, "'bias' is torch.float64"),
        (lambda t: {}, "has no tensor"),
    ],
)
def test_tensors_that_are_not_the_models(folder, change, says):
    tensors = safetensors.torch.load((folder / WEIGHTS).read_bytes())
    forged(folder, weights=safetensors.torch.save(change(tensors)))
    assert says in refused(folder)


@pytest.mark.parametrize(
    "data",
    [
        None, b"", b"\0" * 7, b"\0" * 8, (2**63).to_bytes(8, "little") + b"{}", (50).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}",
        (11_000_000).to_bytes(8, "little") + b" " * 11_000_000,
        (1_100_000).to_bytes(8, "little") + b'"dtype"    ' * 100_001,
    ],
    ids=["none", "empty", "short", "zero", "huge", "beyond", "list", "no tensors", "long header", "many tensors"],
)  # fmt: skip
def test_weights_that_are_none(folder, data):
    forged(folder, weights=data)
    assert WEIGHTS in refused(folder)


def test_a_tokenizer_that_is_none(folder):
    kept = (folder / "tokenizer.json").read_bytes()
    for wrong in (None, b"", b"{}", b"\xff\xfe", kept[: len(kept) // 2], b"[" * 50_000):
        forged(folder, **({"tokenizer": wrong} if (folder / "tokenizer.json").exists() else {}))
        if wrong is None:
            refused(folder)
            write_folder(folder, {**read_folder(folder), "tokenizer.json": kept})
        else:
            refused(folder)


def test_a_model_that_no_memory_holds_is_refused_before_it_is_made(folder):
    recipe = json.loads((folder / "config.json").read_text())["recipe"]
    recipe["model"]["cell"]["hidden"], recipe["model"]["layers"] = 65_536, 64
    forged(folder, config=config(folder, recipe=recipe))
    with pytest.raises(ResourceError, match=r"GiB but this machine has .*; take"):
        Bundle.load(folder)
    recipe["model"]["layers"] = 65
    forged(folder, config=config(folder, recipe=recipe))
    assert "model.layers" in refused(folder)


def test_what_is_no_bundle_says_so(tmp_path):
    assert "no such folder" in refused(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "it is a file" in refused(tmp_path / "file")
    refused(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    assert "no checkpoint that can be read" in refused(tmp_path)


def test_a_save_that_is_cut_off_leaves_the_old_bundle_or_none(good, folder, monkeypatch):
    """Stopped before each of its renames: what then stands there is whole or refused, never a mixture."""
    whole, other = read_folder(folder), made(layers=1)
    steps = len(other.files()) + 1
    for stop in range(steps):
        write_folder(folder, whole)
        done, real = [], os.replace

        def replace(source, target, done=done, real=real, stop=stop):
            if len(done) == stop:
                raise KeyboardInterrupt
            done.append(target)
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            other.save(folder)
        monkeypatch.setattr(os, "replace", real)
        assert "cannot be read" in refused(folder)
    write_folder(folder, whole)
    assert Bundle.load(folder).parameters() == good.parameters()
