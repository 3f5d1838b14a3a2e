"""Line charts, as a file or as an SVG element of a page. Only this module imports matplotlib (extra `plots`)."""

import hashlib
import math
import re
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ostinato.errors import ConfigError
from ostinato.files import FULL_DISK_ERRNOS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Number: TypeAlias = int | float

METADATA: Mapping[str, Mapping[str, None]] = {
    ".svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""By suffix, the metadata to leave out (date and version), so that the same data gives the same bytes."""

# Okabe and Ito's palette (2008), which colour-blind readers can tell apart, without yellow, which is hard to see on
# white. Six colours, seven markers and four dashes: 84 lines all look different.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: Sequence[Any] = ("-", (0, (6, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
LEVEL_DASHES: Sequence[Any] = ((0, (1, 2)), (0, (4, 3)), (0, (8, 3, 1, 3)))
INK = "#101112"  # of text and axes only, so that a page can replace it by its own colour
FONT = "DejaVu Sans"  # comes with matplotlib, so that the layout is the same on every machine

INCHES = 5.6, 3.3  # width and height of the chart without its legend
LEGEND_ROW = 0.2  # height in inches
LEGEND_CHARACTERS = 72  # in one row of the legend
MARKED_POINTS = 12  # points of a line with a marker; a marker on each of a thousand would hide the line

STYLE = {
    "font.family": [FONT],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.2,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "path.simplify_threshold": 0.4,  # of a point: invisible detail is left out of the file
    "svg.fonttype": "none",
    "svg.hashsalt": "ostinato",
    "pdf.fonttype": 42,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "grid.color"), INK),
}


@dataclass(frozen=True)
class Series:
    """A line: `y` [N] over `x` [N], with a band from `low` [N] to `high` [N] where both are given.

    A value that is not finite leaves a gap. `look` numbers the colour, marker and dashes, so that a line looks the same
    in several charts; by default it is the line's place in the chart. Raises ConfigError where the lengths differ.
    """

    name: str
    x: Sequence[Number]
    y: Sequence[Number]
    low: Sequence[Number] | None = None
    high: Sequence[Number] | None = None
    look: int | None = None

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.x, self.y, self.low, self.high) if values is not None}
        if len(lengths) > 1 or (self.low is None) != (self.high is None):
            raise ConfigError(
                f"{self.name}: x, y, low and high have different lengths; give equal ones, and low with high"
            )


def draw(
    path: Path, series: Sequence[Series], *, title: str, x_label: str, y_label: str, x_log: bool = False,
    y_log: bool = False, levels: Mapping[str, Number] = {},
) -> None:  # fmt: skip
    """Write a line chart as .svg, .png or .pdf, by the suffix of `path`.

    `levels` are horizontal lines by name, such as the score of a baseline. Raises ConfigError where the suffix is not
    one of these, where `path` cannot be written, where a logarithmic axis has no positive value, and where matplotlib
    is not installed. A full disk raises OSError.
    """
    if path.suffix.lower() not in METADATA:
        raise ConfigError(f"{path}: a figure cannot have the suffix '{path.suffix}'; use .svg, .png or .pdf")
    chart = _Chart(series, title, (x_label, y_label), (x_log, y_log), levels)
    image = _image(chart, path.suffix.lower(), background="white")
    try:
        path.write_bytes(image)
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise
        raise ConfigError(f"{path}: it cannot be written ({error.strerror}); name another file") from error


def svg(
    series: Sequence[Series], *, title: str, x_label: str, y_label: str, x_log: bool = False, y_log: bool = False,
    levels: Mapping[str, Number] = {},
) -> str:  # fmt: skip
    """The same chart as an SVG element of a page, which scales to the width that it is given.

    The background is transparent, text and axes have the page's `currentColor`, and line n has the page's `--series-n`
    (from 1 to 6), or else a colour that is readable on light and on dark. Ids begin with a hash of the chart, so that a
    page may hold several charts. Raises ConfigError where a logarithmic axis has no positive value, and where
    matplotlib is not installed.
    """
    chart = _Chart(series, title, (x_label, y_label), (x_log, y_log), levels)
    text = _image(chart, ".svg", background="none").decode()
    prefix = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    # Up to the first definitions, which hold style rules that would apply to the whole page.
    opening = re.search(r'<svg[^>]* viewBox="([^"]*)"[^>]*>.*?</defs>', text, re.DOTALL)
    assert opening is not None, "matplotlib begins every SVG like this"
    body = re.sub(r">\s+<", "><", text[opening.end() :].strip())
    # Only the tags: names that users gave stand between them and stay as they are.
    body = re.sub(r"<[^>]*>", lambda tag: _for_a_page(tag[0], prefix), body)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{opening[1]}" role="img" style="stroke-linejoin: round">'
    return f"{head}<title>{escape(title)}</title>{body}"


def _for_a_page(tag: str, prefix: str) -> str:
    tag = re.sub(r' id="([\w.]+_\d+)"', "", tag)  # nothing refers to these
    tag = re.sub(r'( id="|href="#|url\(#)', rf"\1{prefix}", tag).replace("xlink:href", "href")
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), tag)
    tag = tag.replace(f"font-family: '{FONT}'; ", "").replace(INK, "currentColor")
    for number, colour in enumerate(COLOURS, 1):
        tag = tag.replace(colour, f"var(--series-{number}, {colour})")
    return re.sub(r"\s+", " ", tag)


@dataclass(frozen=True)
class _Chart:
    """The content of a chart; `labels` and `is_log` are those of the x axis and of the y axis."""

    series: Sequence[Series]
    title: str
    labels: tuple[str, str]
    is_log: tuple[bool, bool]
    levels: Mapping[str, Number]


def _image(chart: _Chart, suffix: str, background: str) -> bytes:
    """The bytes of the file. The user's settings of matplotlib have no effect on them, and stay as they are."""
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError('figures need matplotlib, which is not installed; pip install "ostinato[plots]"') from error
    series, levels = chart.series, chart.levels
    names = [textwrap.fill(name, LEGEND_CHARACTERS) or " " for name in [*(line.name for line in series), *levels]]
    columns = max(1, LEGEND_CHARACTERS // (max(map(len, names), default=0) + 8))
    rows = sum(name.count("\n") + 1 for name in names) / columns
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(INCHES[0], INCHES[1] + LEGEND_ROW * math.ceil(rows)), layout="constrained")
        axes = figure.add_subplot()
        lines = [_line(axes, number, line) for number, line in enumerate(series)]
        lines += [_level(axes, number, value) for number, value in enumerate(levels.values())]
        axes.set_title(chart.title, loc="left", parse_math=False)
        axes.set_xlabel(chart.labels[0], parse_math=False)
        axes.set_ylabel(chart.labels[1], parse_math=False)
        heights = [*(y for line in series for y in line.y), *levels.values()]
        _scale(axes.xaxis, [x for line in series for x in line.x], chart.title, chart.is_log[0])
        _scale(axes.yaxis, heights, chart.title, chart.is_log[1])
        if names:
            _legend(figure, lines, names, columns)
        file = BytesIO()
        with warnings.catch_warnings():
            if suffix == ".svg":  # the reader's fonts supply the letters that this font lacks
                warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(file, format=suffix[1:], dpi=150, metadata=METADATA[suffix], facecolor=background)
    return file.getvalue()


def _line(axes: "Axes", place: int, line: Series) -> Any:
    number = place if line.look is None else line.look
    look = {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)]}
    x, y = _finite(line.x), _finite(line.y)
    if line.low is not None and line.high is not None:
        is_there = [not math.isnan(value) for value in y]
        axes.fill_between(
            x, _finite(line.low), _finite(line.high), where=is_there, color=look["color"], alpha=0.2, linewidth=0
        )
    (artist,) = axes.plot(x, y, **look, marker=MARKERS[number % len(MARKERS)], markevery=_marked_points(y))
    return artist


def _level(axes: "Axes", number: int, value: Number) -> Any:
    return axes.axhline(value, color=INK, linestyle=LEVEL_DASHES[number % len(LEVEL_DASHES)], linewidth=1)


def _finite(values: Sequence[Number]) -> list[Number]:
    return [value if math.isfinite(value) else math.nan for value in values]


def _marked_points(y: Sequence[Number]) -> list[int]:
    """The places of the points with a marker: evenly spaced ones, and all points without a neighbour, which no line
    would show."""
    stride = -(-len(y) // MARKED_POINTS)
    gaps = [math.isnan(value) for value in [math.nan, *y, math.nan]]
    return [at for at in range(len(y)) if at % stride == 0 or (gaps[at] and gaps[at + 2])]


def _scale(axis: "Axis", values: Sequence[Number], title: str, is_log: bool) -> None:
    """Set the scale and the ticks: whole numbers where all `values` are whole, and the values themselves on a
    logarithmic x axis with few of them."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

    positive = sorted({value for value in values if 0 < value < math.inf})
    if is_log and values and not positive:
        raise ConfigError(f"{title}: a logarithmic axis needs a value above 0; use a linear one")
    if is_log and positive:
        set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
        set_scale("log", nonpositive="mask")
        decades = math.log10(positive[-1] / positive[0])
        within = (1,) if decades > 3 else (1, 2, 5) if decades > 1 else (1, 2, 3, 4, 6)
        few = axis.axis_name == "x" and len(positive) <= MARKED_POINTS
        axis.set_major_locator(FixedLocator(positive) if few else LogLocator(subs=within))
        axis.set_minor_locator(NullLocator())
    elif all(float(value).is_integer() for value in values if math.isfinite(value)):
        axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _legend(figure: "Figure", lines: Sequence[Any], names: Sequence[str], columns: int) -> None:
    """The legend below the chart. Names are set afterwards: matplotlib leaves out one that begins with a low line."""
    legend = figure.legend(
        lines, [str(number) for number in range(len(lines))], loc="outside lower left", ncols=columns, handlelength=3.5
    )
    for text, name in zip(legend.get_texts(), names):
        text.set_parse_math(False)
        text.set_text(name)
