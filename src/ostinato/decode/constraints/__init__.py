"""Constraints: what hypotheses must and must not contain, the same for every search."""

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.constraints.min_length import MinLength
from ostinato.decode.constraints.no_repeat import NoRepeat
from ostinato.decode.constraints.phrases import Phrases
from ostinato.decode.constraints.prefix import Prefix
from ostinato.decode.constraints.tokens import Forbid, Force

__all__ = ["Constraint", "Forbid", "Force", "MinLength", "NoRepeat", "Phrases", "Prefix"]
