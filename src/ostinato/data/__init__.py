"""Data: sources of text, their token ids on disk, and batches reachable by number."""

from ostinato.data.batch import Batches, Example, Window
from ostinato.data.batching import Shuffled, Streams
from ostinato.data.sources import Corpora, Progress, register, sources
from ostinato.data.text import Text
from ostinato.data.tokens import TokenFile, Tokens

__all__ = [
    "Batches",
    "Corpora",
    "Example",
    "Progress",
    "Shuffled",
    "Streams",
    "Text",
    "TokenFile",
    "Tokens",
    "Window",
    "register",
    "sources",
]
