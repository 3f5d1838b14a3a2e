"""Models: whole networks, from ids or features to outputs."""

from ostinato.models.base import models, register
from ostinato.models.language import Language, language
from ostinato.models.language_state import LanguageState

__all__ = ["Language", "LanguageState", "language", "models", "register"]
