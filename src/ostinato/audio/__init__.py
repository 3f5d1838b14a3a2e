"""Sound: recordings, resampling, and frames of features, for a whole recording or chunk by chunk."""

from ostinato.audio.compressed import Compressed
from ostinato.audio.deltas import Deltas
from ostinato.audio.fbank import Fbank
from ostinato.audio.features import Features, features, register
from ostinato.audio.framing import Framing, framings
from ostinato.audio.open import open_recording
from ostinato.audio.reader import FrameReader
from ostinato.audio.recording import Recording
from ostinato.audio.resampling import Resampler
from ostinato.audio.spectrogram import Spectrogram
from ostinato.audio.statistics import Statistics
from ostinato.audio.wav import Wav

__all__ = [
    "Compressed",
    "Deltas",
    "Fbank",
    "Features",
    "FrameReader",
    "Framing",
    "Recording",
    "Resampler",
    "Spectrogram",
    "Statistics",
    "Wav",
    "features",
    "framings",
    "open_recording",
    "register",
]
