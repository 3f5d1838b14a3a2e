"""lm mix: a mixture of several models, with weights given or estimated."""

import contextlib
import json
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from ostinato.cli.lm.score import finite
from ostinato.cli.lm.written import Out, checked_out
from ostinato.cli.table import aligned
from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.scoring import TextScorer

Kind = Literal["linear", "log-linear"]


def mix(
    models: Annotated[list[Path], typer.Argument(help="n-gram files, mixtures, runs or bundles.", show_default=False)],
    out: Out,
    tune: Annotated[
        Path | None, typer.Option(help="Estimate the weights that maximize the probability of this text.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="The weights, one for each model, such as 0.7,0.3.")] = None,
    cache: Annotated[int | None, typer.Option(min=1, help="Add a unigram cache of this many tokens.")] = None,
    kind: Annotated[
        Kind, typer.Option(help="Whether probabilities (linear) or their logarithms (log-linear) are averaged.")
    ] = "linear",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Mix models of the same tokens. The file that is written names the models and can be used wherever a model can."""
    from ostinato.open_scorer import open_scorer
    from ostinato.scoring.mixture import MixtureScorer, save_mixture, with_caches
    from ostinato.training.progress import standard

    if (tune is None) == (weights is None):
        raise ConfigError("--tune, --weights: the weights are estimated or given; use one of these options")
    if tune is not None and kind != "linear":
        raise ConfigError("--tune: it estimates the weights of a linear mixture only; use --weights")
    names: list[Path | int] = [*models, *([cache] if cache else [])]
    with contextlib.closing(standard()) as progress:
        opened_models = [each if isinstance(each, int) else open_scorer(each, progress.stage) for each in names]
        members = with_caches(opened_models)
        checked_out(out, [path for each in members for path in each.files])
        MixtureScorer(out, members, [1.0] * len(members), kind)  # refused before anything is read
        if tune is not None:
            mixture = _tuned(members, tune, progress.stage)
        else:
            mixture = Weighed(_given(weights or "", len(members), kind), [], None)
    save_mixture(out, names, mixture.weights, kind)
    labels = [str(each.path) for each in members]
    if as_json:
        columns = zip_longest(labels, mixture.weights, [finite(each) for each in mixture.alone])
        rows = [{"model": name, "weight": weight, "perplexity": alone} for name, weight, alone in columns]
        print(json.dumps({"models": rows, "perplexity": mixture.together}, indent=2, ensure_ascii=False))
    elif mixture.together is None:
        print(aligned(["", "weight"], [[m, f"{w:.4f}"] for m, w in zip(labels, mixture.weights)]))
    else:
        cells = [[m, f"{w:.4f}", f"{p:.3f}"] for m, w, p in zip(labels, mixture.weights, mixture.alone)]
        print(aligned(["", "weight", f"perplexity of {tune}"], [*cells, [str(out), "", f"{mixture.together:.3f}"]]))


class Weighed(NamedTuple):
    """A weight for each model and, where there was a text to tune on, its perplexity under each model and under all."""

    weights: list[float]
    alone: list[float]
    together: float | None


def _tuned(members: "list[TextScorer]", tune: Path, progress: Any) -> Weighed:
    import numpy as np

    from ostinato.data.paths import resolve_file
    from ostinato.lm.em import fit_weights
    from ostinato.scoring import mixed
    from ostinato.scoring.base import whole

    with tempfile.TemporaryDirectory(prefix="ostinato-") as folder:
        text = whole(resolve_file(str(tune), Path(folder), progress))
        readings = [each.read(text, progress) for each in members]
    weights = fit_weights(np.stack([each.log_probs for each in readings]))
    alone = [each.score().value for each in readings]
    return Weighed(weights.tolist(), alone, mixed(readings, weights).score().value)


def _given(weights: str, models: int, kind: Kind) -> list[float]:
    from ostinato.lm.mixture import checked_weights

    try:
        numbers = [float(each) for each in weights.replace(",", " ").split()]
    except ValueError:
        raise ConfigError(
            f"--weights: {weights!r} is not a list of numbers; write one for each model, such as 0.7,0.3"
        ) from None
    return list(checked_weights(numbers, models, kind))
