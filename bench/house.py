"""The house in numbers: lines a file, files that a batch crosses, names that are silent, circles of files.

python bench/house.py
"""

import statistics
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "ostinato"
sys.path.insert(0, str(ROOT / "tests"))

import house_docs  # noqa: E402
import house_rules  # noqa: E402

STEPS = 4
"""Training steps that are run; the last one is followed, as the first also sets things up."""


def main() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    longest = max(lines, key=lines.__getitem__)
    print(f"lines a file: median {statistics.median(lines.values()):.0f} (<= 120), maximum {lines[longest]} (<= 400):")
    print(f"    {longest.relative_to(PACKAGE)}; {sum(n > 300 for n in lines.values())} of {len(lines)} exceed 300")
    crossed = files_of_a_step()
    print(f"files that a batch of char-rnn crosses from file to gradient: {len(crossed)} (<= 12):")
    print("   ", ", ".join(crossed))
    silent = {kind: len(set(rule())) for kind, rule in house_docs.RULES.items()}
    print(f"public names without shape, error or unit: {sum(silent.values())} (0): {silent}")
    for kind, rule in house_rules.RULES.items():
        print(f"violations of the rule '{kind}': {len(set(rule()))} (0)")
    print("names of types that several files define:")
    for name, places in house_rules.repeated_aliases().items():
        print(f"    {name}: {', '.join(place.removeprefix('ostinato.') for place in places)}")


def files_of_a_step() -> list[str]:
    """The files of the package that are entered from asking for the last step's batch to the end of its backward."""
    from ostinato.recipe import load
    from ostinato.training import Settings, fit
    from ostinato.training.progress import Silent

    files: list[set[str]] = []  # a set for each step
    watching = False

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal watching
        code = frame.f_code
        if event == "return" and code.co_name == "backward" and code.co_filename.endswith("torch/_tensor.py"):
            watching = False
        elif event == "call" and code.co_filename.startswith(str(PACKAGE)):
            path = str(Path(code.co_filename).relative_to(PACKAGE))
            if code.co_name == "batch" and path.startswith("data/batching") and not watching:
                watching = True
                files.append(set())
            if watching:
                files[-1].add(path)

    recipe = load(next(ROOT.glob("**/recipes/char-rnn.toml")), (f"train.steps={STEPS}",), Settings)
    with tempfile.TemporaryDirectory() as folder:
        sys.setprofile(watch)
        try:
            fit(recipe, Path(folder) / "run", Silent())
        finally:
            sys.setprofile(None)
    return sorted(files[STEPS - 1])


if __name__ == "__main__":
    main()
