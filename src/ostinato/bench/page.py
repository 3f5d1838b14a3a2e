"""The page of results, docs/performance.md: measurements beside their targets."""

from collections.abc import Iterable, Sequence

from ostinato.bench.grid import CELLS, HIDDEN, RATIOS, STEPS
from ostinato.bench.results import Results
from ostinato.bench.row import SEED, BenchRow

RIVALS = {"torch": "torch.nn", "torch_cell": "torch.nn's cell", "onnx": "ONNX Runtime"}
SHAPE = ("layer", "pass", "B", "T", "H", "threads")
DTYPES = ("float32", "float64")
LEVELS = ("L1", "L2", "L3", "DRAM")
METHOD = """\
- Two contenders take turns, and take turns in going first; a turn is one call, or as many as fill a millisecond. A time
  is the median over the turns, a ratio the median of the pairs' own ratios (theirs over ours: above 1, ours is faster),
  after a warm-up and with the garbage collector off. Before they are timed, both must come to the same numbers.
- Training is forward and backward: the gradients of the inputs and of every parameter, of a whole model those of the
  parameters. Inference runs under `torch.inference_mode()`, torch.nn's as well. A layer has as many inputs as units,
  and numbers are fp32 where nothing else is said.
- ONNX Runtime has threads of its own: with more than one, each turn begins with 10 ms that are not counted, in which
  those of the other go to sleep. It is paired with ours apart from torch, so its ratio is no quotient of two columns.
- GF/s counts the matrix products, two operations a multiply-add. The peak is the best of square products of 512 and
  1024 by `torch.mm` and by `kernels.linear`. Bandwidth is the best of `torch.sum` over a view that repeats one array,
  of half a cache (a quarter of the shared L3, which strangers use as well).
- The roofline is the least time that peak and bandwidth allow (`src/ostinato/bench/roofline.py` has the formulas); its
  share is that time over ours. Sigmoid, tanh and threads that wait for one another are in no roofline. The gates' map
  is measured by itself: an LSTM whose state is projected to one number has next to nothing to multiply."""

MISSED = """\
What is missed, beside the ratio of a kernel that ran at the roofline, and of one that also took the time of the gates'
map alone, as ours computes it. Where more than that is asked, no arrangement of these products reaches it here."""
STEP = """\
One call from Python, one thread, the state carried: `ostinato.stepper`, NumPy arrays in and out. torch.nn is the layer
called with T = 1; ONNX Runtime has bound buffers. Targets are the LSTM's; **bold** ones are missed."""
MODELS = """\
Plain torch models before and after `ostinato.accelerate(model)`. The tagger: embedding, bidirectional LSTM, linear map
for each token. The classifier: embedding, GRU over a `PackedSequence` of lengths from T/4 to T, linear map."""

TRAINING = """\
A whole step of a language model over 100 characters, as `ostinato train` makes it (reading the text, loss, gradient,
clipping, AdamW), against a plain torch loop: torch.nn.LSTM, cross_entropy, clip_grad_norm_ and AdamW with `foreach`
(`src/ostinato/bench/training.py`). language-1 has one layer, language-2 two. **Bold** ratios miss what is asked."""


def page(results: Results) -> str:
    """The page as Markdown; sections without measured rows are left out."""
    parts = [
        "# Performance",
        f"Written by this command on {results.date}, and not edited by hand. A number here is about one machine;\n"
        "`ostinato bench` finds yours.",
        f"```\n{results.command}\n```",
        _machine(results),
        f"## How it is measured\n\n{METHOD}",
        _targets(results.rows),
        _steps(_of(results, "step")),
        _models(_of(results, "model")),
        _training(_of(results, "training")),
        _details("## Whole sequences, in full", _of(results, "target")),
        _details("## Other shapes", _of(results, "beyond")),
        _losses(results.rows),
    ]
    if results.skipped:
        parts.append("## Left out\n\n" + "\n".join(f"- {reason}" for reason in results.skipped))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of(results: Results, section: str) -> list[BenchRow]:
    return [row for row in results.rows if row.case.section == section]


def _machine(results: Results) -> str:
    machine = results.machine
    caches = ", ".join(f"{level} {size / 2**10:,.0f} KiB" for level, size in machine.caches.items())
    facts = {
        "CPU": f"{machine.cpu}, {machine.cores} cores for this process, {machine.memory_gib:.0f} GiB",
        "caches": caches + (" (assumed: the system does not tell)" if machine.caches_are_assumed else ""),
        "instruction set of the kernels": machine.instruction_set,
        "system": machine.system,
        "versions": ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
        "load before": f"{machine.load:.2f}",
        "threads": " and ".join(str(count) for count in results.ceilings),
        "seed, seconds a pair": f"{SEED}, {results.seconds:g}",
    }
    ceilings = [
        [
            str(count),
            *(f"{ceiling.flops[dtype] / 1e9:.0f}" if dtype in ceiling.flops else "" for dtype in DTYPES),
            *(f"{ceiling.bandwidth[level] / 1e9:.0f}" for level in LEVELS),
            *(f"{ceiling.squashing[what] * 1e9:.2f}" for what in ("infer", "train")),
        ]
        for count, ceiling in results.ceilings.items()
    ]
    header = ("threads", *(f"{short} GF/s" for short in ("fp32", "fp64")),
              *(f"{level} GB/s" for level in LEVELS), "map, infer ns", "map, train ns")  # fmt: skip
    table = markdown(("machine", ""), facts.items())
    return f"## Machine\n\n{table}\n\nWhat it can do at most, measured:\n\n{markdown(header, ceilings)}"


def _targets(rows: Sequence[BenchRow]) -> str:
    """The target ratios beside the measured ones."""
    measured = {(row.case.layer, row.case.what, row.case.batch, row.case.hidden, row.case.threads): row for row in rows
             if row.case.section == "target"}  # fmt: skip
    if not measured:
        return ""
    counts = sorted({key[-1] for key in measured})
    kinds = [("infer", 1), ("train", 1), ("train", 32)]
    header = ["layer", "H"]
    for what, batch in kinds:
        header += [f"{what} B={batch} T={STEPS[batch]}: asked", *(f"threads={count}" for count in counts)]
    lines = []
    for layer, hidden in dict.fromkeys(
        (key[0], key[3]) for key in sorted(measured, key=lambda key: CELLS.index(key[0]))
    ):
        line = [layer.upper(), str(hidden)]
        for what, batch in kinds:
            line.append(f"≥ {RATIOS[layer, what, batch][HIDDEN.index(hidden)]:g}")
            line += [_marked(measured.get((layer, what, batch, hidden, count))) for count in counts]
        lines.append(line)
    met = sum(row.met is True for row in measured.values())
    summary = f"torch.nn's time over ours. {met} of {len(measured)} are met; **bold** ones are missed."
    return f"## Against torch.nn\n\n{summary}\n\n{markdown(header, lines)}" + _missed(measured.values())


def _missed(rows: Iterable[BenchRow]) -> str:
    """For rows that miss their target: the ratios that this machine would allow."""
    header = ("layer", "pass", "B", "H", "threads", "asked", "measured", "at the roofline", "and with the map", "")
    lines = []
    for row in rows:
        if row.met is not False:
            continue
        case, asked = row.case, row.case.target_ratio or 0.0
        products, everything = row.ratio / row.share_of_roofline, row.ratio / row.share_with_map
        limit = "" if asked <= everything else "beyond them and the map"
        limit = "beyond the products alone" if asked > products else limit
        shape = (str(number) for number in (case.batch, case.hidden, case.threads))
        numbers = (f"{number:.2f}" for number in (row.ratio, products, everything))
        lines.append([case.layer.upper(), case.what, *shape, f"{asked:g}", *numbers, limit])
    return f"\n\n{MISSED}\n\n{markdown(header, lines)}" if lines else ""


def _marked(row: BenchRow | None) -> str:
    if row is None:
        return ""
    return f"{row.ratio:.2f}" if row.met else f"**{row.ratio:.2f}**"


def _steps(rows: Sequence[BenchRow]) -> str:
    if not rows:
        return ""
    lines = []
    for row in rows:
        ours = f"{row.ours_seconds * 1e6:.1f}"
        limit = row.case.target_microseconds
        rivals = [row.against.get(rival) for rival in RIVALS]
        lines.append([
            row.case.layer.upper(), str(row.case.hidden), "" if limit is None else f"≤ {limit:g}",
            f"**{ours}**" if row.met is False else ours,
            *(f"{pair.theirs * 1e6:.1f} ({pair.ratio:.1f} ×)" if pair else "" for pair in rivals),
            f"{row.share_of_roofline:.0%}",
        ])  # fmt: skip
    header = ("layer", "H", "target µs", "ours µs", *(f"{name} µs (ratio)" for name in RIVALS.values()), "of roofline")
    return f"## One step of a live stream\n\n{STEP}\n\n{markdown(header, lines)}"


def _models(rows: Sequence[BenchRow]) -> str:
    table = _table(rows, "before ms", "after ms")
    return f"## Whole models\n\n{MODELS}\n\n{table}" if rows else ""


def _training(rows: Sequence[BenchRow]) -> str:
    lines = [
        [*_shape(row), f"≥ {row.case.target_ratio:g}", f"{row.against['torch'].theirs * 1e3:.2f}",
         f"{row.ours_seconds * 1e3:.2f}", _marked(row)]
        for row in rows
    ]  # fmt: skip
    table = markdown([*SHAPE, "asked", "torch loop ms", "ours ms", "ratio"], lines)
    return f"## Training steps\n\n{TRAINING}\n\n{table}" if rows else ""


def _details(heading: str, rows: Sequence[BenchRow]) -> str:
    return f"{heading}\n\n{_table(rows, 'torch.nn ms', 'ours ms')}" if rows else ""


def _table(rows: Sequence[BenchRow], theirs: str, ours: str) -> str:
    with_onnx = any("onnx" in row.against for row in rows)
    header = [*SHAPE, theirs, ours, "ratio"]
    header += ["ONNX Runtime ms", "ratio"] if with_onnx else []
    lines = []
    for row in rows:
        milliseconds = row.against["torch"].theirs * 1e3, row.ours_seconds * 1e3
        line = [*_shape(row), *(f"{number:.3f}" for number in milliseconds), f"{row.ratio:.2f}"]
        if with_onnx:
            pair = row.against.get("onnx")
            line += [f"{pair.theirs * 1e3:.3f}", f"{pair.ratio:.2f}"] if pair else ["", ""]
        lines.append([*line, f"{row.flops / 1e9:.1f}", f"{row.share_of_peak:.0%}", f"{row.share_of_roofline:.0%}"])
    return markdown([*header, "GF/s", "of peak", "of roofline"], lines)


def _shape(row: BenchRow) -> list[str]:
    case = row.case
    name = case.layer if case.section in ("model", "training") else case.layer.upper()
    name += "" if case.dtype == "float32" else f", {case.dtype}"
    return [name, case.what, str(case.batch), str(case.steps), str(case.hidden), str(case.threads)]


def _losses(rows: Sequence[BenchRow]) -> str:
    """Rows where any rival is faster."""
    lines = [
        [*_shape(row), RIVALS[rival], f"{pair.theirs * 1e3:.3f}", f"{pair.ours * 1e3:.3f}", f"{pair.ratio:.2f}",
         f"{pair.quartiles[0]:.2f} to {pair.quartiles[1]:.2f}"]
        for row in rows
        for rival, pair in row.losses().items()
    ]  # fmt: skip
    header = (*SHAPE, "rival", "its ms", "ours ms", "ratio", "middle half of the pairs")
    table = markdown(header, lines) if lines else "Nowhere: every measured ratio is at least 1."
    return f"## Where it loses\n\n{table}"
