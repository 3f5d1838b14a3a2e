"""Tokenizers: text to ids and back, at once or incrementally, by characters, bytes, words or subwords."""

from ostinato.text.bpe import BPE
from ostinato.text.bytes import Bytes
from ostinato.text.characters import Characters
from ostinato.text.incremental import ByteWriter, GrowingWriter, HoldingReader, IncrementalDecoder, IncrementalEncoder
from ostinato.text.tokenizers import Tokenizer, load, register, tokenizers
from ostinato.text.unigram import Unigram
from ostinato.text.wordpiece import WordPiece
from ostinato.text.words import Words

__all__ = [
    "BPE",
    "ByteWriter",
    "Bytes",
    "Characters",
    "GrowingWriter",
    "HoldingReader",
    "IncrementalDecoder",
    "IncrementalEncoder",
    "Tokenizer",
    "Unigram",
    "WordPiece",
    "Words",
    "load",
    "register",
    "tokenizers",
]
