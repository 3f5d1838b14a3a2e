"""A file that is made from another once, and made again where either of them has changed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ostinato.files import replacing


def derived_file(
    target: Path, source: Path, how: Mapping[str, Any], make: Callable[[BinaryIO], Mapping[str, Any]]
) -> dict[str, Any]:
    """See that `target` is what `make` writes for `source` and `how` (fit for JSON); what `make` returned, then or now.

    Beside it stands a description, `target`.json. Killed at any moment, it is made again the next time. A source of the
    same size and time of change is taken for the same.
    """
    found = source.stat()
    origin = {"source": str(source.resolve()), "size_bytes": found.st_size, "modified_ns": found.st_mtime_ns, **how}
    sidecar = target.with_name(f"{target.name}.json")
    told = _told(sidecar, origin, target)
    if told is not None:
        return told
    sidecar.unlink(missing_ok=True)  # first, so that it never speaks of a file it was not written for
    with replacing(target) as file:
        told = dict(make(file))
        size = file.tell()
    with replacing(sidecar) as file:
        file.write(json.dumps({"of": origin, "bytes": size, "told": told}, indent=2).encode())
    return told


def _told(sidecar: Path, origin: Mapping[str, Any], target: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(sidecar.read_bytes())
        if found["of"] == json.loads(json.dumps(origin)) and target.stat().st_size == found["bytes"]:
            return dict(found["told"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
