"""A file that is derived from something else once, and made again where that has changed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ostinato.files import replacing


def derived_file(
    target: Path, origin: Mapping[str, Any], make: Callable[[BinaryIO], Mapping[str, Any]]
) -> dict[str, Any]:
    """Have `make` write `target`, unless it was written for the same `origin` before; return what `make` returned.

    `origin` names everything that the contents depend on; it and the result of `make` must fit into JSON. Both stand in
    `target`.json. A process that is killed leaves no half of either: the file is then made again. Raises what `make`
    raises, DataError where the folder cannot be written and ResourceError where the disk is full.
    """
    sidecar = target.with_name(f"{target.name}.json")
    result = _recorded_result(sidecar, origin, target)
    if result is not None:
        return result
    sidecar.unlink(missing_ok=True)  # first, so that it never describes a file it was not written for
    with replacing(target) as file:
        result = dict(make(file))
        size_bytes = file.tell()
    with replacing(sidecar) as file:
        description = {"origin": origin, "size_bytes": size_bytes, "result": result}
        file.write(json.dumps(description, indent=2).encode())
    return result


def file_origin(source: Path) -> dict[str, str | int]:
    """The origin of what is derived from a file: its path, its size and its time of change."""
    status = source.stat()
    return {"source": str(source.resolve()), "size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _recorded_result(sidecar: Path, origin: Mapping[str, Any], target: Path) -> dict[str, Any] | None:
    try:
        description = json.loads(sidecar.read_bytes())
        same_origin = description["origin"] == json.loads(json.dumps(origin))
        if same_origin and target.stat().st_size == description["size_bytes"]:
            return dict(description["result"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
