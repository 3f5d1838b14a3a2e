"""Contiguous batches of one long text, for truncated backpropagation through time."""

from ostinato.data.batching.base import TokenWindow
from ostinato.data.token_file import TokenArray
from ostinato.errors import ConfigError


class ContiguousBatches:
    """One long text of ids, read at `batch_size` places at once, `steps` predictions at a time.

    The N − 1 predictions of N ids are cut into `batch_size` contiguous parts whose lengths differ by at most one; batch
    i holds window i of each part, so row r of a batch goes on where row r of the batch before stopped. Every prediction
    is made exactly once an epoch; every epoch is the same. `name` is the text in messages and keys.

    Raises ConfigError for a batch size or a number of steps below 1, and where there are fewer predictions than rows.
    """

    def __init__(self, tokens: TokenArray, batch_size: int, steps: int, name: str = "text"):
        if batch_size < 1 or steps < 1:
            raise ConfigError(f"{name}: {batch_size} rows of {steps} steps hold nothing; make both at least 1")
        self._tokens, self.batch_size, self.steps, self._name = tokens, batch_size, steps, name
        self.predictions = max(len(tokens) - 1, 0)
        if self.predictions < batch_size:
            raise ConfigError(
                f"{name}: its {self.predictions} tokens are too few for {batch_size} rows; "
                f"set the number of rows to at most {max(self.predictions, 1)}, or name a longer text"
            )

    def __len__(self) -> int:
        longest = -(-self.predictions // self.batch_size)
        return -(-longest // self.steps)

    def batch(self, epoch: int, index: int) -> list[TokenWindow]:
        """Always `batch_size` windows; where a part has ended, its window has one token and predicts nothing."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self._name}: there is no batch {index} in an epoch of {len(self)}")
        return [self._window(row, index) for row in range(self.batch_size)]

    def _window(self, row: int, index: int) -> TokenWindow:
        start, end = self._start(row), self._start(row + 1)
        first = min(start + index * self.steps, end)
        last = min(first + self.steps, end)
        return TokenWindow(self._tokens[first : last + 1], f"{self._name}[{first}:{last}]", index > 0)

    def _start(self, row: int) -> int:
        """Where the predictions of a row begin; the first rows are the longer ones."""
        length, longer = divmod(self.predictions, self.batch_size)
        return row * length + min(row, longer)
