"""Smoothings of n-gram counts, one a file; each registers itself."""

from ostinato.lm.ngram.smoothing.base import Counted, Rule, Smoothed, Smoothing, register, smoothings

__all__ = ["Counted", "Rule", "Smoothed", "Smoothing", "register", "smoothings"]
