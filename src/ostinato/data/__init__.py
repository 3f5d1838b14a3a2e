"""Data: sources of text and of rows, token ids on disk, and batches reachable by number."""

from ostinato.data.batching.base import Batches, Example, TokenWindow
from ostinato.data.batching.buckets import Bucketed
from ostinato.data.batching.chunked import Chunk, Chunked
from ostinato.data.batching.contiguous import ContiguousBatches
from ostinato.data.batching.prefetch import Prefetched
from ostinato.data.batching.shuffled import Shuffled
from ostinato.data.encoded import EncodedRow, EncodedRows
from ostinato.data.splits import DataSplits, data_sources, register
from ostinato.data.table.columns import Columns
from ostinato.data.table.in_memory import InMemoryRows
from ostinato.data.table.rows import Row, Rows
from ostinato.data.table.splitting import split_by_hash
from ostinato.data.text_file import Text
from ostinato.data.token_file import TokenArray, TokenFile
from ostinato.progress import OnProgress

__all__ = [
    "Batches",
    "Bucketed",
    "Chunk",
    "Chunked",
    "Columns",
    "ContiguousBatches",
    "DataSplits",
    "EncodedRow",
    "EncodedRows",
    "Example",
    "InMemoryRows",
    "OnProgress",
    "Prefetched",
    "Row",
    "Rows",
    "Shuffled",
    "Text",
    "TokenArray",
    "TokenFile",
    "TokenWindow",
    "data_sources",
    "register",
    "split_by_hash",
]
