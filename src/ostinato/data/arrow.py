"""pyarrow, which the extra `parquet` installs, imported where it is used."""

from typing import Any

from ostinato.errors import ConfigError


def arrow() -> Any:
    """The module `pyarrow`, with `ipc` and `parquet`. Raises ConfigError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            'data: Parquet is read through pyarrow, which is not installed; run pip install "ostinato[parquet]"'
        ) from None
    return pyarrow
