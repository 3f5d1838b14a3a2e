"""Reads SentencePiece's .model files (extra `sentencepiece`)."""

from pathlib import Path
from typing import Any

from ostinato.errors import ConfigError, DataError
from ostinato.text.tokenizers import END, Tokenizer, load

NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
UNIGRAM, BPE = 1, 2


def read(path: Path) -> Tokenizer:
    """A unigram or BPE model as a Tokenizer with the same ids.

    Raises DataError where `path` is not such a model, ConfigError where the extra `sentencepiece` is not installed.
    """
    try:
        from sentencepiece import sentencepiece_model_pb2 as schema
    except ImportError:
        raise ConfigError(
            f'{path}: reading it needs the package sentencepiece; pip install "ostinato[sentencepiece]"'
        ) from None
    model = schema.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: it cannot be read ({error.strerror}); name a SentencePiece .model") from None
    except Exception:  # protobuf's own
        raise DataError(f"{path}: it is not a SentencePiece model; name a file that spm_train wrote") from None
    kind = model.trainer_spec.model_type
    if kind not in (UNIGRAM, BPE) or not model.pieces:
        raise DataError(f"{path}: its model is neither unigram nor BPE; train a tokenizer with ostinato tokenize train")
    return load(_library(model, kind).to_str())


def _library(model: Any, kind: int) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    types = [piece.type for piece in model.pieces]
    unknown = types.index(UNKNOWN) if UNKNOWN in types else None
    in_bytes = model.trainer_spec.byte_fallback
    if kind == UNIGRAM:
        library = Tokenizer(models.Unigram(pieces, unknown, in_bytes))
    else:
        ranks = {piece: rank for rank, (piece, _) in enumerate(pieces)}
        merges = sorted(
            (ranks[piece], left, right)
            for piece in ranks
            for at in range(1, len(piece))
            if (left := piece[:at]) in ranks and (right := piece[at:]) in ranks
        )
        library = Tokenizer(
            models.BPE(
                ranks, [(left, right) for _, left, right in merges], fuse_unk=True, byte_fallback=in_bytes,
                unk_token=None if unknown is None else pieces[unknown][0],
            )
        )  # fmt: skip
    spec = model.normalizer_spec
    steps: list[Any] = [normalizers.Precompiled(spec.precompiled_charsmap)] if spec.precompiled_charsmap else []
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if steps:
        library.normalizer = normalizers.Sequence(steps)
    scheme = "always" if spec.add_dummy_prefix else "never"
    library.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=kind == UNIGRAM)
    back: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if spec.add_dummy_prefix:
        back.append(decoders.Strip(" ", 1, 0))
    library.decoder = decoders.Sequence(back)
    control = [pieces[i][0] for i, each in enumerate(types) if each == CONTROL]
    library.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in control])
    library.add_tokens([AddedToken(pieces[i][0], normalized=False) for i, each in enumerate(types) if each == USER])
    if END not in control:
        library.add_special_tokens([AddedToken(END, normalized=False, special=True)])
    return library
