"""Page: one file of HTML that needs no other, with no script in it.

Whatever a person named is escaped on its way in, by `_text` or by the figures.
"""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from ostinato import __version__
from ostinato.recipe import toml
from ostinato.report.charts import Chart, charts
from ostinato.report.style import CSS
from ostinato.report.subject import Subject
from ostinato.report.tables import Cell, ReportTable, differing, notes, overview, rounded, scores, versions

SAME = "The recipes are the same in every key."
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(subjects: Sequence[Subject], date: str, progress: Callable[[str, int, int], None] = lambda *_: None) -> str:
    """The whole file. Raises ConfigError where matplotlib is not installed."""
    title = f"Report: {_listed([subject.name for subject in subjects])}"
    sections = [
        ("runs", "Runs", _table(overview(subjects))),
        ("scores", "Scores", _scores(subjects)),
        ("curves", "Curves", _curves(subjects, progress)),
        ("differences", "What differs", _differences(subjects)),
        (
            "notes",
            "Notes",
            _if_any(notes(subjects), "There are none: no log tells of a step that was skipped or gone back from."),
        ),
        ("versions", "Versions", _table(versions(subjects))),
        ("recipes", "Recipes", "\n".join(map(_recipe, subjects))),
    ]
    sections = [section for section in sections if section[2]]
    links = "".join(f'<li><a href="#{name}">{words}</a></li>' for name, words, _ in sections)
    body = "\n".join(
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{words}</h2>\n{inside}\n</section>'
        for name, words, inside in sections
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<style>
{CSS}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
<p class="about">Written {_text(date)} by Ostinato {_text(__version__)}, from what each folder says.</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _text(words: str) -> str:
    return escape(words, quote=True)


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more"
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), names[-1]])


def _scores(subjects: Sequence[Subject]) -> str:
    tables = scores(subjects)
    without = [s.name for s in subjects if not s.history.evaluations]
    if not tables:
        return "<p>There are none yet: no run was evaluated, or none has a log.</p>"
    first = "<p>Which model of a run is its best is decided by its first score.</p>"
    said = [f"<p>Not evaluated yet, or without a log: {_text(', '.join(without))}.</p>"] if without else []
    return "\n".join([first, *map(_table, tables), *said])


def _curves(subjects: Sequence[Subject], progress: Callable[[str, int, int], None]) -> str:
    found = charts(subjects)
    if not found:
        return "<p>There are none: no training log has a row yet.</p>"
    drawn = []
    for number, chart in enumerate(found):
        progress("draw the curves", number, len(found))
        drawn.append((chart, _figure(chart)))
    first = "\n".join(figure for chart, figure in drawn if not chart.is_further)
    further = "\n".join(figure for chart, figure in drawn if chart.is_further)
    more = f'<details><summary>Further scores</summary>\n<div class="figures">\n{further}\n</div></details>'
    return f'<div class="figures">\n{first}\n</div>\n{more if further else ""}'


def _figure(chart: Chart) -> str:
    return f"<figure>{chart.svg()}<figcaption>{_text(chart.words)}</figcaption></figure>"


def _differences(subjects: Sequence[Subject]) -> str:
    if len(subjects) == 1:
        return ""
    return _if_any(differing(subjects), SAME)


def _recipe(subject: Subject) -> str:
    text = _text(toml(subject.recipe))
    return f"<details><summary>{_text(str(subject.path))}</summary>\n<pre><code>{text}</code></pre></details>"


def _if_any(table: ReportTable, otherwise: str) -> str:
    return _table(table) if table.rows else f"<p>{_text(otherwise)}</p>"


def _table(table: ReportTable) -> str:
    """A scrolling box, so that a wide table does not widen the page; it takes the keyboard too."""
    numeric = [any(not isinstance(row[place], str) for row in table.rows) for place in range(len(table.header))]
    heads = "".join(
        f'<th scope="col"{" class=number" if is_numeric else ""}>{_text(head)}</th>'
        for head, is_numeric in zip(table.header, numeric)
    )
    rows = "\n".join(f"<tr>{''.join(_cells(row))}</tr>" for row in table.rows)
    words = f'\n<p class="words">{_text(table.words)}</p>' if table.words else ""
    if table.meaning is not None:
        meaning = _table(table.meaning)
        words += f"\n<details><summary>{_text(table.meaning.caption)}</summary>\n{meaning}\n</details>"
    caption = _text(table.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n'
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>{words}"
    )


def _cells(row: Sequence[Cell]) -> Iterator[str]:
    for place, cell in enumerate(row):
        inside = _text(cell) if isinstance(cell, str) else f'<data value="{cell.value!r}">{_text(cell.text)}</data>'
        if not isinstance(cell, str) and cell.interval is not None:
            low, high = (f'<data value="{end!r}">{rounded(end)}</data>' for end in cell.interval)
            inside += f"<small>{low} to {high}</small>"
        yield f'<th scope="row">{inside}</th>' if place == 0 else f"<td>{inside}</td>"
