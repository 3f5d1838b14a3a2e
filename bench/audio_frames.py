"""How far our log-mel frames are from Kaldi's own code on the Free Spoken Digit Dataset, and how fast both are.

    OSTINATO_DATA=… python bench/audio_frames.py

Prints JSON, for 23, 40 and 80 bands over the test recordings, Kaldi's code being kaldi-native-fbank: how many numbers
are compared; the largest |Δ| in nats; the same where a band is within 50 dB of the loudest frequency of its frame, for
below that their transform, which is in single precision, adds noise of its own; the same with their transform in the
place of ours; the share beyond 1e-4; and whether frames taken in chunks of 10 ms have the same bits. Then how many
seconds of sound a second of one core's time makes into 80 bands at 16 kHz, the best of five: whole, in chunks of 10 ms,
and by Kaldi's code; and how many it resamples.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kaldi_native_fbank as kaldi
import numpy as np

from ostinato.audio import Fbank, Features, Resampler, Spectrogram
from ostinato.data.catalog import catalog
from ostinato.data.catalog.base import Folder

SECONDS = 60


def by_kaldi(sound: np.ndarray, rate: int, bands: int) -> np.ndarray:
    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = rate, 0
    options.mel_opts.num_bins = bands
    computer = kaldi.OnlineFbank(options)
    computer.accept_waveform(rate, sound.tolist())
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.array(frames, np.float32).reshape(-1, bands)


def by_their_transform(made: Fbank, sound: np.ndarray) -> np.ndarray:
    windows, _ = made.framing.advance(made.framing.initial(), sound, final=True)
    transform = kaldi.Rfft(made.framing.fft)
    # X_0 and X_n/2, which are real, and then the others, their real and imaginary parts in turn.
    packed = np.array([transform.compute(window.tolist()) for window in windows]).T
    power = np.concatenate([packed[:1] ** 2, packed[2::2] ** 2 + packed[3::2] ** 2, packed[1:2] ** 2])
    return np.log(np.maximum(made.energies(power), made.floor)).T


def in_chunks(made: Features, sound: np.ndarray) -> np.ndarray:
    state, frames = made.initial(), []
    for begin in range(0, len(sound), made.step):
        new, state = made.advance(state, sound[begin : begin + made.step], begin + made.step >= len(sound))
        frames.append(new)
    return np.concatenate(frames)


def differences(recordings: list[np.ndarray], bands: int) -> dict[str, object]:
    made, spectrogram = Fbank(8000, bands), Spectrogram(8000)
    far, near, with_theirs, same = [], [], 0.0, True
    for sound in recordings:
        found, wanted = made.whole(sound), by_kaldi(sound, 8000, bands)
        delta = np.abs(found - wanted)
        far.append(delta.ravel())
        with_theirs = max(with_theirs, np.abs(by_their_transform(made, sound) - wanted).max())
        loudest = spectrogram.whole(sound).max(axis=1, keepdims=True)
        near.append(delta[found > loudest - 5 * np.log(10)])
        same = same and in_chunks(made, sound).tobytes() == found.tobytes()
    every = np.concatenate(far)
    return {
        "numbers": len(every),
        "largest": float(f"{every.max():.1e}"),
        "largest_within_50_dB": float(f"{np.concatenate(near).max():.1e}"),
        "largest_with_their_transform": float(f"{with_theirs:.1e}"),
        "share_beyond_1e-4": float(f"{(every > 1e-4).mean():.1e}"),
        "chunks_have_the_same_bits": same,
    }


def real_time(run: Callable[[], object]) -> int:
    """Seconds of sound a second of this process's time, which others on the machine do not share."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return round(SECONDS / min(seconds))


def main() -> None:
    """Print what was measured."""
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("OSTINATO_DATA is not set; set it to the folder of data sets")
    folder = Folder(Path(os.environ["OSTINATO_DATA"], "fsdd"))
    recordings = [(row["samples"] / 32768).astype(np.float32) for row in catalog["fsdd"].rows(folder, "test")]
    found: dict[str, object] = {f"{bands} bands": differences(recordings, bands) for bands in (23, 40, 80)}
    made, resampler = Fbank(), Resampler(8000, 16000)
    sound = np.resize(np.concatenate(recordings), 8000 * SECONDS)
    doubled = resampler.whole(sound)
    found["seconds_of_sound_a_second"] = {
        "whole": real_time(lambda: made.whole(doubled)),
        "in chunks of 10 ms": real_time(lambda: in_chunks(made, doubled)),
        "kaldi-native-fbank": real_time(lambda: by_kaldi(doubled, 16000, 80)),
        "resampled from 8 to 16 kHz": real_time(lambda: resampler.whole(sound)),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
