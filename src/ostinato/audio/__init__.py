"""Sound: recordings read span by span, resampled, and made into frames, whole or as they come."""

from ostinato.audio.compressed import Compressed
from ostinato.audio.recording import Recording, opened
from ostinato.audio.wav import Wav

__all__ = ["Compressed", "Recording", "Wav", "opened"]
