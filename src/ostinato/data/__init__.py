"""Data: sources of text and of rows, token ids on disk, and batches reachable by number."""

from ostinato.data.batch import Batches, Example, Window
from ostinato.data.batching import Shuffled, Streams
from ostinato.data.bucketing import Bucketed
from ostinato.data.columns import Columns
from ostinato.data.held import Held
from ostinato.data.prefetch import Prefetched
from ostinato.data.rows import Row, Rows, divided
from ostinato.data.sources import Corpora, Progress, register, sources
from ostinato.data.text import Text
from ostinato.data.tokens import TokenFile, Tokens

__all__ = [
    "Batches",
    "Bucketed",
    "Columns",
    "Corpora",
    "Example",
    "Held",
    "Prefetched",
    "Progress",
    "Row",
    "Rows",
    "Shuffled",
    "Streams",
    "Text",
    "TokenFile",
    "Tokens",
    "Window",
    "divided",
    "register",
    "sources",
]
