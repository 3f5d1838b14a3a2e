"""The folder of a bundle or a checkpoint: files and a manifest with their checksums, written whole or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ostinato.errors import BundleError
from ostinato.files import FULL_DISK_ERRNOS, full_disk, sync_folder
from ostinato.migrations import MIGRATIONS, Files

SCHEMA: Final = 2
MANIFEST: Final = "ostinato.json"

MALFORMED: Final = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading a stranger's JSON may raise."""


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files and their manifest so that a reader finds the old folder or the new one, whenever the power fails.

    A new folder appears by one rename. In one that exists, the manifest goes first and comes back last. Raises
    ResourceError where the disk is full, with nothing left under a final name.
    """
    whole = {**files, MANIFEST: _manifest(files)}
    scratch = path.parent / f".{path.name}.tmp-{os.getpid()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for name, data in whole.items():
            with open(scratch / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(scratch)
        if path.exists():
            (path / MANIFEST).unlink(missing_ok=True)
            for name in whole:  # the manifest is the last
                os.replace(scratch / name, path / name)
            sync_folder(path)
            scratch.rmdir()
        else:
            os.rename(scratch, path)
        sync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if error.errno in FULL_DISK_ERRNOS:
            needed, free = sum(map(len, whole.values())), _free(path)
            advice = f"make room for {needed:,} bytes ({free:,} are free) and run again"
            raise full_disk(path, error, advice) from error
        raise


def read_folder(path: Path) -> Files:
    """Every file that the manifest names, verified. Raises BundleError saying which file and which check."""
    raw = _read(path / MANIFEST)
    try:
        manifest = json.loads(raw)
        names, schema = dict(manifest["sha256"]), int(manifest["schema"])
    except (*MALFORMED, AttributeError) as error:
        raise BundleError(f"{path / MANIFEST}: it is not a manifest ({error}); fetch the folder again") from error
    if schema > SCHEMA:  # first, for it may look otherwise
        raise BundleError(f"{path}: its schema is {schema} and this version reads up to {SCHEMA}; upgrade Ostinato")
    files: Files = {}
    for name, digest in names.items():
        if Path(name).name != name or name in ("", "..") or not name.isprintable() or "\\" in name:
            raise BundleError(f"{path / MANIFEST}: it names {name!r} outside its folder; do not trust this bundle")
        files[name] = _read(path / name)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(f"{path / name}: its sha256 is not the one in {MANIFEST}; fetch or save it again")
    if raw != _manifest(files, schema):
        raise BundleError(f"{path / MANIFEST}: it was changed after it was written; fetch or save the folder again")
    return _migrated(files, schema, path)


def _manifest(files: Mapping[str, bytes], schema: int = SCHEMA) -> bytes:
    # One canonical form, with a checksum of itself, so that no bit of it can change unseen.
    body: dict[str, Any] = {
        "schema": schema,
        "sha256": {name: hashlib.sha256(files[name]).hexdigest() for name in files},
    }
    body["self"] = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps(body, indent=2).encode()


def _migrated(files: Files, schema: int, path: Path) -> Files:
    for old in range(schema, SCHEMA):
        if old not in MIGRATIONS:
            raise BundleError(
                f"{path}: its schema {old} is no longer read; load and save it with an older Ostinato first"
            )
        try:
            files = MIGRATIONS[old](files)
        except MALFORMED as error:
            raise BundleError(f"{path}: a file of it cannot be read ({error}); fetch the bundle again") from error
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: it cannot be read ({error.strerror}); fetch or save the folder again") from error


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
