"""Sample: a little of what a model writes, or its first predictions beside their references."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ostinato.bundle import Bundle
from ostinato.data import data_sources
from ostinato.decode import sample_tokens
from ostinato.errors import OstinatoError
from ostinato.progress import silent

CHARACTERS, TEMPERATURE, SEED = 300, 0.8, 1
SPLIT, ROWS = "valid", 3
SHOWN_CHARACTERS = 160
"""Of a prediction or a reference; the rest is cut off."""


@dataclass(frozen=True)
class PredictionRow:
    """A row of held-out data by its key, with the prediction and the reference as JSON."""

    key: str
    prediction: str
    reference: str


@dataclass(frozen=True)
class Sample:
    """`text` is what a language model wrote, `rows` what any other model predicted; `words` say how either came about,
    or why there is neither."""

    text: str = ""
    rows: tuple[PredictionRow, ...] = ()
    words: str = ""


def sample(bundle: Bundle, run: Path | None) -> Sample:
    """A language model writes 300 characters with a fixed seed; another model predicts the first held-out rows.

    `run` is the folder of the training run, whose data is read for predictions; without one there are none.
    """
    tokenizer = getattr(bundle.task, "tokenizer", None)
    if tokenizer is not None and hasattr(bundle.model, "log_probs"):
        return _written(bundle.model, tokenizer)
    if run is None or "data" not in bundle.recipe:
        return Sample(words="A bundle alone has no held-out rows to predict.")
    try:
        return _predicted(bundle, run)
    except OstinatoError as error:
        return Sample(words=f"The held-out rows cannot be read: {error}")


def _written(model: Any, tokenizer: Any) -> Sample:
    decoder, text = tokenizer.incremental_decoder(), ""
    with torch.inference_mode():
        for token in sample_tokens(model, max_length=CHARACTERS, temperature=TEMPERATURE, seed=SEED):
            text += decoder.write(token)
            if len(text) >= CHARACTERS:
                break
    text = (text + decoder.close())[:CHARACTERS]
    printable = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
    return Sample(printable, words=f"Written without a prompt, at temperature {TEMPERATURE}, with seed {SEED}.")


def _predicted(bundle: Bundle, run: Path) -> Sample:
    task, data = bundle.task, bundle.recipe["data"]
    task.prepare(data_sources.build(data, at="data", folder=run / "data", progress=silent))
    batch = task.collate(task.evaluation_batches(SPLIT).batch(0, 0)[:ROWS])
    with torch.inference_mode():
        predictions, _ = task.predict(bundle.model, batch)
    rows = tuple(
        PredictionRow(str(key), _json(task.to_record(prediction)), _json(reference))
        for key, prediction, reference in zip(batch.keys, predictions, task.references(batch))  # type: ignore[attr-defined]
    )
    return Sample(rows=rows, words=f"The first {len(rows)} rows of {SPLIT}.")


def _json(value: Any) -> str:
    """One line, cut off where it is long; a record of one field is that field."""
    if isinstance(value, Mapping) and len(value) == 1:
        (value,) = value.values()
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) else str(value)
