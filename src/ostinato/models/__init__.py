"""Models: a whole network a noun."""

from ostinato.models.base import models, register
from ostinato.models.language import Language, LanguageState, language

__all__ = ["Language", "LanguageState", "language", "models", "register"]
