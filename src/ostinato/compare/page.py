"""The page of a comparison: its results, its method, and the file that defines it."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ostinato.compare.outcome import Outcome
from ostinato.compare.runs import SPLIT
from ostinato.compare.tables import ComparisonTable, metric_words, tables

METHOD = """\
- Equal for all: {budget}.
- All have the same examples, in an order that depends on the seed. The weights of each run that were best on the
  validation split are scored on the test split, once.
- *mean* is over {count}. *± seeds* is half the 95 % interval of that mean by Student's t: how much other seeds could
  change it. *95 % over rows* is a percentile bootstrap over test examples, all seeds together: how much other examples
  could change it.
- *p* is that of the paired bootstrap over test examples against {reference}: how often two equal models would differ
  as much by chance. It does not cover other seeds, is not corrected for the number of tests, and is never below
  0.001.
- *steps* are updates of the weights. *seconds* are wall time, one training at a time, on the machine below, which may
  have had other work."""
SIZE = """
- *size* is the number that the budget put where the file has "solved"."""
BANDS = "Lines are means over seeds; bands go from the lowest seed to the highest."


def page(
    outcome: Outcome, command: str, date: str, machine: Mapping[str, str], source: str, figure: str | None = None
) -> str:
    """The page as Markdown. `source` is the text of the comparison's file, `figure` the path from the page to the
    figure, if there is one."""
    terms = outcome.comparison.terms
    count = "one seed" if len(terms.seeds) == 1 else f"seeds {', '.join(map(str, terms.seeds))}"
    reference = f"*{terms.against}*" if terms.against else "the best one"
    method = METHOD.format(budget=terms.budget.words, count=count, reference=reference)
    method += SIZE if any(row.size is not None for row in outcome.rows) else ""
    first, *others = tables(outcome)
    words = metric_words(outcome)
    parts = [
        f"# {Path(outcome.comparison.at).stem}: {words}",
        opening(source),
        f"Written by this command on {date}, and not edited by hand.",
        f"```\n{command}\n```",
        f"## {first.title}\n\n{_table(first)}",
        f"![{words}]({figure})\n\n{BANDS}" if figure else "",
        *(f"## {table.title}\n\n{_table(table)}" for table in others),
        f"## How to read it\n\n{method}",
        f"## Machine\n\n{_markdown(('machine', ''), machine.items())}",
        f"## What was compared\n\nSignature of the scores:\n\n{_signatures(outcome)}\n\n```toml\n{source.strip()}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def opening(source: str) -> str:
    """The text of a file's first comment, without the indented command in it."""
    comment = itertools.takewhile(lambda line: line.startswith("# "), source.splitlines())
    return "\n".join(line[2:] for line in comment if not line.startswith("#  "))


def _signatures(outcome: Outcome) -> str:
    signatures = dict.fromkeys(str(row.score.signature) or SPLIT for row in outcome.rows)
    return "\n".join(f"- `{each}`" for each in signatures)


def _table(table: ComparisonTable) -> str:
    return _markdown(table.header, table.lines, table.words)


def _markdown(header: Sequence[str], lines: Iterable[Sequence[str]], words: int = 2) -> str:
    rules = ["---" if column < words else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rules, *lines])
