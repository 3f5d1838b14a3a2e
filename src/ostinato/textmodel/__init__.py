"""Text models: whatever may be named where a language model is wanted (a run, a bundle, an n-gram file, a mixture),
together with what cuts a text into its tokens. What needs no network needs no torch."""

from ostinato.textmodel.base import OfTokens, TextModel, whole
from ostinato.textmodel.opened import opened

__all__ = ["OfTokens", "TextModel", "opened", "whole"]
