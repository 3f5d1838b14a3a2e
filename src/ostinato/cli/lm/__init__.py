"""lm: n-gram language models: build, score, prune, convert, mix, generate."""

import typer

from ostinato.cli.lm.build import build
from ostinato.cli.lm.convert import convert, prune
from ostinato.cli.lm.generate import generate
from ostinato.cli.lm.mix import mix
from ostinato.cli.lm.score import score

app = typer.Typer(
    name="lm",
    help="n-gram language models: build, score texts, prune, convert, mix, and generate.",
    no_args_is_help=True,
)
for _verb in (build, score, prune, convert, mix, generate):
    app.command()(_verb)
