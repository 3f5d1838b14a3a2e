"""Line charts: the same bytes from the same data, everything that was named is there, and a page keeps its colours."""

import json
import math
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from ostinato.errors import ConfigError
from ostinato.plots import COLOURS, INK, Series, draw, svg

WORDS = {"title": "Accuracy by lag", "x_label": "lag", "y_label": "accuracy"}
LINES = [
    Series("lstm", [8, 16, 32], [0.99, 0.98, 0.9], [0.98, 0.97, 0.8], [1.0, 0.99, 0.95]),
    Series("rnn", [8, 16, 32], [0.9, 0.6, 0.5]),
]
SVG = "{http://www.w3.org/2000/svg}"
HEADS = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}


def texts(figure: str) -> list[str]:
    return [element.text for element in ElementTree.fromstring(figure).iter(f"{SVG}text")]


def points(figure: str) -> list[list[list[float]]]:
    """The points of each line drawn in a series' colour, with gaps between its parts."""
    found = []
    for path in ElementTree.fromstring(figure).iter(f"{SVG}path"):
        if "fill: none" in path.get("style", "") and "--series-" in path.get("style", "") and path.get("clip-path"):
            parts = path.get("d").split("M")[1:]
            found.append([[float(number) for number in re.findall(r"-?[\d.]+", part)] for part in parts])
    return found


@pytest.mark.parametrize("suffix", HEADS)
def test_a_file_is_of_the_kind_that_its_suffix_says_and_the_same_each_time(tmp_path, suffix):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix.upper()}"
    for path in (first, second):
        draw(path, LINES, **WORDS, levels={"chance": 0.5})
    assert first.read_bytes().startswith(HEADS[suffix])
    assert first.read_bytes() == second.read_bytes()


def test_what_was_named_is_text():
    assert {"Accuracy by lag", "lag", "accuracy", "lstm", "rnn", "chance"} <= set(
        texts(svg(LINES, **WORDS, levels={"chance": 0.5}))
    )


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "$x_1$", "_hidden", '100 % & "more"', INK, 'id="a_1"', "é漢"]
)
def test_any_name_is_shown_as_it_is(name):
    figure = svg([Series(name, [1, 2], [1, 2]), *LINES], title=name, x_label=name, y_label=name)
    assert texts(figure).count(name) == 4
    assert "<script" not in figure


def test_a_long_name_is_wrapped_and_whole():
    name = " ".join(["layers"] * 40)
    assert " ".join(" ".join(texts(svg([Series(name, [1], [1]), *LINES], **WORDS))).split()).count("layers") == 40


def test_a_value_that_is_no_number_leaves_a_gap():
    gap = [Series("a", [1, 2, 3, 4, 5], [1.0, 2.0, bad, 1.0, 2.0]) for bad in (math.nan, math.inf)]
    for each in gap:
        (line,) = points(svg([each], **WORDS))
        assert len(line) == 2
    (whole,) = points(svg([Series("a", [1, 2, 3, 4, 5], [1, 2, 2, 1, 2])], **WORDS))
    assert len(whole) == 1


def test_a_line_keeps_its_look_among_others():
    """The second of two lines, drawn alone as the second, has the same colour, dashes and marker."""

    def looks(figure):
        found = ElementTree.fromstring(figure)
        styles = [path.get("style") for path in found.iter(f"{SVG}path") if "fill: none" in path.get("style", "")]
        dashes = {style for style in styles if "--series-2" in style}
        shapes = {path.get("id")[9:]: path.get("d") for path in found.iter(f"{SVG}path") if path.get("id")}
        marks = {use.get("href")[10:]: use.get("style") for use in found.iter(f"{SVG}use")}
        return dashes, {shapes[name] for name, style in marks.items() if "--series-2" in style}

    among = looks(svg(LINES, **WORDS))
    assert all(map(len, among))
    assert looks(svg([Series("rnn", [1, 2], [1, 2], look=1)], **WORDS)) == among
    assert looks(svg([Series("rnn", [1, 2], [1, 2])], **WORDS)) == (set(), set())


def test_a_logarithmic_axis_puts_equal_ratios_equally_far_apart():
    """Points at 1, 10 and 1000 on both: the middle one is a third of the way."""
    figure = svg([Series("a", [1, 10, 1000], [1, 10, 1000])], **WORDS, x_log=True, y_log=True)
    marks = [use for use in ElementTree.fromstring(figure).iter(f"{SVG}use") if "--series-1" in use.get("style")]
    (x0, y0), (x1, y1), (x2, y2), _in_legend = [(float(use.get("x")), float(use.get("y"))) for use in marks]
    assert x2 > x0
    assert y2 < y0, "up is less in an SVG"
    assert (x1 - x0) / (x2 - x0) == pytest.approx(1 / 3, abs=0.002)
    assert (y1 - y0) / (y2 - y0) == pytest.approx(1 / 3, abs=0.002)
    assert {"1", "10", "1,000"} <= set(texts(figure))


def test_whole_numbers_have_whole_ticks():
    drawn = texts(svg([Series("n", range(1, 21), range(100, 120))], **WORDS))
    assert {"5", "10", "15", "20"} <= set(drawn)
    assert not any("." in text for text in drawn)
    assert "1.5" in texts(svg([Series("n", [0.5, 1.0, 2.5], [1, 2, 3])], **WORDS))


def test_nothing_to_draw_on_a_logarithmic_axis_is_said():
    with pytest.raises(ConfigError, match="needs a value above 0"):
        svg([Series("a", [1, 2], [0, -1])], **WORDS, y_log=True)


def test_a_value_below_a_logarithmic_axis_leaves_a_gap():
    (line,) = points(svg([Series("a", [1, 2, 3, 4, 5], [1, 2, 0, 2, 1])], **WORDS, y_log=True))
    assert len(line) == 2


def test_no_line_and_an_empty_line_are_charts():
    assert "lag" in texts(svg([], **WORDS))
    assert "none yet" in texts(svg([Series("none yet", [], []), *LINES], **WORDS))


def test_for_a_page_there_is_no_colour_but_the_pages():
    figure = svg(LINES, **WORDS, levels={"chance": 0.5})
    left = re.sub(r"var\(--series-\d, #[0-9a-f]{6}\)", "", figure)
    assert not re.findall(r"(?:fill|stroke): *(?!none|currentColor)[^;\"\s]", left)
    assert f"var(--series-1, {COLOURS[0]})" in figure
    assert "currentColor" in figure


def test_charts_of_one_page_have_no_id_in_common_and_nothing_outside():
    figures = [svg(LINES, **WORDS), svg(LINES[:1], **WORDS), svg(LINES, **{**WORDS, "title": "again"})]
    ids = [set(re.findall(r' id="([^"]+)"', figure)) for figure in figures]
    assert sum(map(len, ids)) == len(set.union(*ids))
    for figure, own in zip(figures, ids):
        assert own == set(re.findall(r'(?:href="|url\()#([^")]+)', figure))
        assert "<style" not in figure, "which would be of the whole page"
        assert not re.findall(r'(?:href="|src="|url\()(?!#)', figure)


def test_what_else_uses_matplotlib_is_left_alone():
    import matplotlib

    with matplotlib.rc_context({"axes.grid": False, "font.size": 23, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        theirs = svg(LINES, **WORDS)
        assert dict(matplotlib.rcParams) == before
    assert theirs == svg(LINES, **WORDS)


def test_wrong_calls_are_refused_in_words(tmp_path):
    with pytest.raises(ConfigError, match=r"\.svg, \.png or \.pdf"):
        draw(tmp_path / "figure.jpeg", LINES, **WORDS)
    with pytest.raises(ConfigError, match="No such file or directory"):
        draw(tmp_path / "nowhere" / "figure.svg", LINES, **WORDS)
    with pytest.raises(ConfigError, match="have different lengths"):
        Series("a", [1, 2], [1])
    with pytest.raises(ConfigError, match="and low with high"):
        Series("a", [1], [1], low=[1])


def test_importing_is_cheap_and_a_missing_package_is_named():
    code = """
import json, sys
import ostinato.plots
heavy = [name for name in sys.modules if name.partition(".")[0] in ("matplotlib", "torch", "numpy")]
ostinato.plots.svg([], title="", x_label="", y_label="")
with_state = "matplotlib.pyplot" in sys.modules
sys.modules["matplotlib"] = None
try:
    ostinato.plots.svg([], title="", x_label="", y_label="")
except ostinato.plots.ConfigError as error:
    print(json.dumps([heavy, with_state, str(error)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, with_state, said = json.loads(done.stdout)
    assert heavy == []
    assert not with_state, "pyplot, which would keep every figure"
    assert 'pip install "ostinato[plots]"' in said
