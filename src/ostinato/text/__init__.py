"""Text: characters and bytes to ids and back, whole or as they come."""

from ostinato.text.bytes import Bytes
from ostinato.text.characters import Characters
from ostinato.text.streams import ByteWriter, Reader, Writer
from ostinato.text.tokenizers import Tokenizer, load, register, tokenizers

__all__ = ["ByteWriter", "Bytes", "Characters", "Reader", "Tokenizer", "Writer", "load", "register", "tokenizers"]
