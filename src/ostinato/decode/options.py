"""Options: the checks of a search's options, all problems in one error."""

from collections.abc import Sequence

from ostinato.errors import ConfigError


def check(rows: int, max_length: int | Sequence[int]) -> list[str]:
    """The problems of the options that every search has, one sentence each."""
    problems = []
    if rows < 1:
        problems.append(f"rows: {rows} leaves nothing to decode; ask for at least 1")
    limits = [max_length] if isinstance(max_length, int) else list(max_length)
    if not isinstance(max_length, int) and len(limits) != rows:
        problems.append(f"max_length: there are {len(limits)} for {rows} rows; give one for all or one a row")
    short = [limit for limit in limits if limit < 1]
    if short:
        problems.append(f"max_length: {short[0]} leaves no room for a token; allow at least 1")
    return problems


def refuse(problems: list[str]) -> None:
    """Raises ConfigError naming all problems, if there are any."""
    if problems:
        raise ConfigError([f"decode.{problem}" for problem in problems])
