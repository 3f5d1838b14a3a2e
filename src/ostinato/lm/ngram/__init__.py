"""n-grams: counted, smoothed, frozen into one file and asked; nothing here imports torch before a search does."""

from ostinato.lm.ngram.build import Estimate, build, pruned
from ostinato.lm.ngram.files import freeze, read_arpa, write_arpa
from ostinato.lm.ngram.model import NGram
from ostinato.lm.ngram.smoothing import smoothings
from ostinato.lm.ngram.word_log_probs import WordLogProb, WordLogProbs

__all__ = [
    "Estimate",
    "NGram",
    "WordLogProb",
    "WordLogProbs",
    "build",
    "freeze",
    "pruned",
    "read_arpa",
    "smoothings",
    "write_arpa",
]
