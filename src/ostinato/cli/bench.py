"""bench: times on this machine beside torch and ONNX Runtime, and where ours are slower."""

import contextlib
import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.bench import BenchRow, Results

SECONDS, QUICK_SECONDS = 2.0, 0.1
BUSY = 0.5
HEADER = ("", "torch ms", "ours ms", "ratio", "asked", "onnx ms", "ratio", "GF/s", "of peak", "of roofline")


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Time a few rows with one thread, in less than a minute.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(help=f"Seconds for each pair of a row; default {SECONDS:g}, with --quick {QUICK_SECONDS:g}."),
    ] = None,
    threads: Annotated[
        str | None, typer.Option(help="Numbers of threads, such as 1,2; default 1,2, with --quick 1.")
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="WORDS", help='Time only rows with all of these words, such as "gru train H=64".')
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the results as a page of Markdown too.")
    ] = None,
) -> None:
    """Time training, inference and streaming on this machine against torch.nn and, where installed, ONNX Runtime."""
    seconds = seconds if seconds is not None else QUICK_SECONDS if quick else SECONDS
    if not 0 < seconds < float("inf"):
        raise ConfigError(
            f"--seconds: {seconds:g} is not a time to measure in; give a number above 0, such as {SECONDS:g}"
        )
    if out is not None and out.is_dir():
        raise ConfigError(f"--out: {out} is a folder; name a file in it, such as {out / 'performance.md'}")
    if out is not None and not out.parent.is_dir():  # refused before minutes of work, not after
        raise ConfigError(f"--out: there is no folder {out.parent}; make it first, or name another")
    from ostinato.bench import page

    def show(results: "Results") -> None:
        print(json.dumps(results.as_object(), indent=2) if as_json else table(results))

    results = _measured(quick, seconds, threads, only, _command(quick, seconds, threads, only, out), show)
    show(results)
    if out is not None:
        out.write_text(page(results), "utf-8")
        print(f"written: {out}", file=sys.stderr)


def _measured(
    quick: bool, seconds: float, threads: str | None, only: str, command: str, show: "Callable[[Results], None]"
) -> "Results":
    from ostinato.bench import Results, cases, chosen, measure
    from ostinato.training.progress import standard

    rows = chosen(cases(_threads(threads, quick), quick), only)
    with contextlib.closing(standard()) as progress:
        progress.stage("measuring what the machine can do", 0, len(rows))
        results = Results.begin(rows, seconds, command)
        for reason in results.skipped:
            progress.say(f"left out: {reason}")
        if results.machine.load > BUSY:
            progress.say(
                f"the machine is busy (load {results.machine.load:.1f}); times with several threads mean little"
            )
        start = time.monotonic()
        for done, case in enumerate(rows):
            progress.stage(_rate(str(case), done, len(rows), time.monotonic() - start), done, len(rows))
            try:
                results.rows.append(measure(case, results.ceilings[case.threads], seconds))
            except KeyboardInterrupt:
                if results.rows:  # minutes of work
                    progress.close()
                    show(results)
                raise
    return results


def _rate(name: str, done: int, total: int, seconds: float) -> str:
    if not done:
        return name
    minutes, rest = divmod(round(seconds / done * (total - done)), 60)
    return f"{name} · {seconds / done:.1f} s a row · {minutes}:{rest:02d} left"


def _threads(text: str | None, quick: bool) -> list[int]:
    """Numbers of threads, ascending; by default 1 and 2 where there are two cores."""
    from ostinato.bench import cores

    most = cores()
    if text is None:
        return [1] if quick or most == 1 else [1, 2]
    counts = sorted({int(part) for part in text.split(",") if part.strip().isdecimal()})
    if not counts or len(counts) != len(text.split(",")) or not 1 <= counts[0] <= counts[-1] <= most:
        raise ConfigError(f"--threads: '{text}' does not fit this machine; give numbers from 1 to {most}, such as 1,2")
    return counts


def table(results: "Results") -> str:
    """A line a row, and the rows in which ours are slower once more."""
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    parts = [f"{machine.cpu}, {machine.cores} cores, {machine.instruction_set}; {versions}"]
    parts += [aligned(HEADER, [_cells(row) for row in results.rows])]
    lost = [
        f"  {row.case}: {rival} takes {pair.theirs * 1e3:.4g} ms, ours {pair.ours * 1e3:.4g}, ratio {pair.ratio:.2f}"
        for row in results.rows
        for rival, pair in row.losses().items()
    ]
    parts.append("\n".join(["slower here:", *lost]) if lost else "slower nowhere")
    return "\n\n".join(parts)


def _cells(row: "BenchRow") -> list[str]:
    case, onnx = row.case, row.against.get("onnx")
    asked = f"≥ {case.target_ratio:g}" if case.target_ratio else ""
    asked = f"≤ {case.target_microseconds:g} µs" if case.target_microseconds else asked
    return [
        str(case), f"{row.against['torch'].theirs * 1e3:.4f}", f"{row.ours_seconds * 1e3:.4f}", f"{row.ratio:.2f}",
        asked + (" missed" if row.met is False else ""),
        f"{onnx.theirs * 1e3:.4f}" if onnx else "", f"{onnx.ratio:.2f}" if onnx else "",
        f"{row.flops / 1e9:.1f}", f"{row.share_of_peak:.0%}", f"{row.share_of_roofline:.0%}",
    ]  # fmt: skip


def _command(quick: bool, seconds: float, threads: str | None, only: str, out: Path | None) -> str:
    """The command that measures the same again."""
    words = ["ostinato", "bench", *(["--quick"] if quick else []), "--seconds", f"{seconds:g}"]
    words += ["--threads", threads] if threads else []
    words += ["--only", only] if only else []
    return shlex.join([*words, *(["--out", str(out)] if out else [])])
