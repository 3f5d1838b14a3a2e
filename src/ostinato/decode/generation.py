"""Generation: how a sequence of tokens is continued, as one set of options."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ostinato.decode.beam import beam
from ostinato.decode.constraints import NoRepeat
from ostinato.decode.greedy import greedy_tokens
from ostinato.decode.ranking import GNMT, Ranking
from ostinato.decode.sample import Sampling, sample_tokens
from ostinato.errors import ConfigError
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.text.tokenizers import Tokenizer

DRAWING = ("top_k", "top_p", "min_p", "typical", "seed")
"""The options that only sampling has."""


@dataclass(frozen=True)
class Generation:
    """How a text is continued: tokens are sampled; with `temperature` 0 the most probable one is taken; with `beam` the
    most probable text is searched for with this many hypotheses, ranked with the `length_penalty` of Wu et al. (2016).

    `length` is the most tokens to write; `top_k`, `top_p`, `min_p`, `typical` bound what is sampled from (`Sampling`);
    `no_repeat_ngram` lets no sequence of this many tokens occur twice; `seed` decides what is sampled. None leaves an
    option out. Raises ConfigError naming every value that is out of range or without effect.
    """

    length: int = 400
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical: float | None = None
    no_repeat_ngram: int | None = None
    beam: int | None = None
    length_penalty: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [f"length: {self.length} is negative; write at least 0 tokens"] if self.length < 0 else []
        if self.seed < 0:
            problems.append(f"seed: {self.seed} is negative; choose one from 0 on")
        if self.beam is not None and self.beam < 1:
            problems.append(f"beam: {self.beam} keeps no hypothesis; keep at least 1")
        for make in (self._sampling, self._constraints, self._ranking):
            try:
                make()
            except ConfigError as error:
                problems += error.problems
        problems = problems or self._without_effect()
        if problems:
            names = {"NoRepeat": "no_repeat_ngram", "alpha": "length_penalty"}
            named = [problem.removeprefix("decode.").partition(":") for problem in problems]
            raise ConfigError([f"generate.{names.get(name, name)}:{rest}" for name, _, rest in named])

    def tokens(self, lm: Predictor, prompt: Padded | None = None) -> Iterator[int]:
        """The ids after the prompt [1 T] (None: after the boundary), each as soon as it is known; without `</s>`."""
        if not self.length:
            return iter(())
        given: dict[str, Any] = {"max_length": self.length, "prompt": prompt, "constraints": self._constraints()}
        if self.beam is not None:
            return iter(beam(lm, self.beam, ranking=self._ranking(), **given)[0][0].tokens)
        if self.temperature == 0:
            return greedy_tokens(lm, **given)
        return sample_tokens(lm, seed=self.seed, **given, **vars(self._sampling()))

    def _sampling(self) -> Sampling:
        return Sampling(self.temperature or 1.0, self.top_k, self.top_p, self.min_p, self.typical)

    def _constraints(self) -> list[NoRepeat]:
        return [] if self.no_repeat_ngram is None else [NoRepeat(self.no_repeat_ngram)]

    def _ranking(self) -> Ranking:
        return Ranking(None if self.length_penalty is None else GNMT(self.length_penalty))

    def _without_effect(self) -> list[str]:
        drawing = [name for name in DRAWING if getattr(self, name) not in (None, 0)]
        if self.beam is not None:
            drawing += ["temperature"] if self.temperature != 1.0 else []
            return [f"{name}: a beam search samples nothing; leave this or the beam out" for name in drawing]
        problems = []
        if self.temperature == 0:
            problems = [f"{name}: temperature 0 samples nothing; leave one of them out" for name in drawing]
        if self.length_penalty is not None:
            problems.append("length_penalty: only a beam search compares texts; add a beam, or leave this out")
        return problems


def unknown_characters(tokenizer: Tokenizer, text: str) -> list[str]:
    """The characters of a text that the tokenizer reads as unknown, sorted; none where the text has none."""
    if tokenizer.unknown is None or not (tokenizer.encode(text) == tokenizer.unknown).any():
        return []
    return sorted({c for c in text if (tokenizer.encode(c) == tokenizer.unknown).any()})
