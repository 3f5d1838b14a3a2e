"""Page: one file of HTML without scripts that needs no other file.

Every name and every text of a user is escaped, by `_text` or by the figures.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from ostinato import __version__
from ostinato.recipe import toml
from ostinato.report.charts import Chart, charts
from ostinato.report.score_table import score_tables
from ostinato.report.style import CSS
from ostinato.report.subject import Subject
from ostinato.report.tables import Cell, ReportTable, RowGroup, differing, facts, notes, predictions, rounded

SAME = "The recipes are the same in every key."
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(subjects: Sequence[Subject], date: str, progress: Callable[[str, int, int], None] = lambda *_: None) -> str:
    """The HTML of a report on `subjects`, written on `date`. Raises ConfigError where matplotlib is not installed."""
    title = f"Report: {_listed([subject.name for subject in subjects])}"
    sections = [
        ("runs", "Runs", _table(facts(subjects))),
        ("scores", "Scores", _scores(subjects)),
        ("samples", "Samples", _samples(subjects)),
        ("curves", "Curves", _curves(subjects, progress)),
        ("differences", "What differs", _differences(subjects)),
        (
            "notes",
            "Notes",
            _if_any(notes(subjects), "There are none: no step was skipped, and no training went back."),
        ),
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
<p class="about">Written {_text(date)} by Ostinato {_text(__version__)}.</p>
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
    tables = score_tables(subjects)
    without = [s.name for s in subjects if not s.history.evaluations]
    if not tables:
        return "<p>There are none yet: no run was evaluated, or none has a log.</p>"
    first = "<p>The best model of each run is the one with the best first score. Baselines are what it must beat.</p>"
    rest = [f"<p>Not evaluated yet, or without a log: {_text(', '.join(without))}.</p>"] if without else []
    return "\n".join([first, *map(_table, tables), *rest])


def _samples(subjects: Sequence[Subject]) -> str:
    texts = "\n".join(
        f"<figure><figcaption><strong>{_text(subject.name)}</strong> {_text(subject.sample.words)}</figcaption>"
        f'<pre class="sample">{_text(subject.sample.text)}</pre></figure>'
        for subject in subjects
        if subject.sample.text
    )
    parts = [f'<div class="figures">\n{texts}\n</div>'] if texts else []
    table = predictions(subjects)
    parts += [_table(table)] if table.groups else []
    missing = [subject for subject in subjects if not (subject.sample.text or subject.sample.rows)]
    parts += [f"<p>{_text(subject.name)}: {_text(subject.sample.words)}</p>" for subject in missing]
    return "\n".join(parts)


def _curves(subjects: Sequence[Subject], progress: Callable[[str, int, int], None]) -> str:
    all_charts = charts(subjects)
    if not all_charts:
        return "<p>There are none: no training log has a row yet.</p>"
    figures = []
    for number, chart in enumerate(all_charts):
        progress("draw the curves", number, len(all_charts))
        figures.append((chart, _figure(chart)))
    first = "\n".join(figure for chart, figure in figures if not chart.is_further)
    further = "\n".join(figure for chart, figure in figures if chart.is_further)
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
    return _table(table) if any(group.rows for group in table.groups) else f"<p>{_text(otherwise)}</p>"


def _table(table: ReportTable) -> str:
    """A box that scrolls, by keyboard too, so that a wide table does not widen the page."""
    rows = [row for group in table.groups for row in group.rows]
    numeric = [
        not table.is_by_run and any(not isinstance(row[place], str) for row in rows)
        for place in range(len(table.header))
    ]
    heads = "".join(
        f'<th scope="col"{" class=number" if is_numeric else ""}>{_text(head)}</th>'
        for head, is_numeric in zip(table.header, numeric)
    )
    bodies = "\n".join(_body(group, len(table.header)) for group in table.groups)
    words = f'\n<p class="words">{_text(table.words)}</p>' if table.words else ""
    if table.meaning is not None:
        meaning = _table(table.meaning)
        words += f"\n<details><summary>{_text(table.meaning.caption)}</summary>\n{meaning}\n</details>"
    caption = _text(table.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">\n'
        f"<table{' class=by-run' if table.is_by_run else ''}>\n<caption><span>{caption}</span></caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n{bodies}\n</table>\n</div>{words}"
    )


def _body(group: RowGroup, columns: int) -> str:
    title = f'<tr><th scope="rowgroup" colspan="{columns}"><span>{_text(group.title)}</span></th></tr>\n'
    rows = "\n".join(f"<tr>{''.join(_cells(row))}</tr>" for row in group.rows)
    return f"<tbody>\n{title if group.title else ''}{rows}\n</tbody>"


def _cells(row: Sequence[Cell]) -> Iterator[str]:
    for place, cell in enumerate(row):
        inside = _text(cell) if isinstance(cell, str) else f'<data value="{cell.value!r}">{_text(cell.text)}</data>'
        if not isinstance(cell, str) and cell.mark:
            inside += f" <i>{cell.mark}</i>"
        if not isinstance(cell, str) and cell.interval is not None:
            low, high = (f'<data value="{end!r}">{rounded(end)}</data>' for end in cell.interval)
            inside += f"<small>{low} to {high}</small>"
        # A long key, such as model.cell.forget_bias, may be broken after a dot or a low line.
        inside = re.sub(r"(?<=\w)[._](?=\w)", r"\g<0><wbr>", inside) if place == 0 else inside
        yield f'<th scope="row">{inside}</th>' if place == 0 else f"<td>{inside}</td>"
