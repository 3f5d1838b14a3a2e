"""score_tokens: what each token of a text costs under any language model; the one way in which texts are scored."""

from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.data.token_file import TokenFile
from ostinato.errors import DataError
from ostinato.progress import OnProgress, silent
from ostinato.scoring.token_scores import ScoringConditions, TokenScores
from ostinato.text.tokenizers import Tokenizer

Ids: TypeAlias = npt.NDArray[np.int64]

ROW_TOKENS = 256
"""A text is one long row; intervals are over contiguous stretches of so many tokens."""
STEPS_AT_ONCE = 1024


def score_tokens(lm: Any, tokens: TokenFile, tokenizer: Tokenizer, progress: OnProgress = silent) -> TokenScores:
    """From the beginning of the text to its end, the state carried; nothing but the boundary stands before it.

    `lm` is a LanguageModel over the tokenizer's ids; without gradients. Raises DataError where the text has no token.
    """
    log_probs, unknown, counts, done = [], [], [], 0
    chunks, same = tee(tokens[at : at + STEPS_AT_ONCE] for at in range(1, len(tokens), STEPS_AT_ONCE))
    for ids, costs in zip(chunks, log_probs_of_chunks(lm, same)):
        log_probs.append(costs)
        unknown.append(ids == tokenizer.unknown if tokenizer.unknown is not None else np.zeros(len(ids), bool))
        rows = [ids[first : first + ROW_TOKENS] for first in range(0, len(ids), ROW_TOKENS)]
        counts += [(len(row), tokenizer.count_characters(row), tokenizer.count_bytes(row)) for row in rows]
        done += len(ids)
        progress(f"score {tokens.path.name}", done, len(tokens) - 1)
    if not log_probs:
        raise DataError(f"{tokens.path}: there is no token in it to score; name a longer text")
    lengths, characters, size_bytes = np.array(counts, np.int64).T
    conditions = ScoringConditions(tokens.counts.text_sha256, tokens.counts.tokenizer_sha256)
    return TokenScores(
        np.concatenate(log_probs), np.concatenate(unknown), np.cumsum(lengths), characters, size_bytes, conditions
    )


def log_probs_of_chunks(lm: Any, chunks: Iterable[Ids]) -> Iterator[npt.NDArray[np.float64]]:
    """ln p [T] of the ids [T] of each chunk of one text, the state carried. A model's own `along` does it without
    torch, where it has one."""
    own = getattr(lm, "along", None)
    if own is not None:
        yield from own(chunks)
        return
    import torch

    from ostinato.lm.protocol import token_log_probs
    from ostinato.padded import Padded

    with torch.inference_mode():
        state = lm.start(torch.zeros(1, dtype=torch.int64))
        for ids in chunks:
            log_probs, state = token_log_probs(lm, Padded.full(torch.from_numpy(ids).unsqueeze(0)), state)
            yield log_probs[0].double().numpy()
