"""How fast features are extracted: seconds of video a second of processor, for each group of features, and the memory it takes.

`python -m benchmarks.extraction_speed` makes its video, 1280 x 720, with sound; `--video FILE` takes one of yours. Weights are
drawn: speed does not depend on them. `--without visual` leaves out a group, as often as it is given.
"""

import argparse
import resource
import time
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch

from scoring.extraction.clip import Extractor
from scoring.extraction.hashed_words import HashedWords
from scoring.extraction.log_mel import LogMel
from scoring.extraction.residual_3d import Residual3D, Residual3DNetwork
from scoring.extraction.vggish import Vggish, VggishNetwork
from streams.extraction.clips import clips_of
from streams.extraction.decoding import Video
from streams.extraction.groups import Group

_RATE, _SAMPLES = 25, 44_100


def main() -> None:
    """Measure decoding alone, then each group on the same clips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--without", action="append", default=[], choices=[group.value for group in Group])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    extractors: list[Extractor] = [
        Residual3D(Residual3DNetwork().state_dict()), Vggish(VggishNetwork().state_dict()), LogMel(), HashedWords(),
    ]  # fmt: skip
    with TemporaryDirectory() as folder:
        video = Video(arguments.video or _made(Path(folder) / "v.mp4", arguments.seconds))
        spent = {"decoding": 0.0} | {one.name: 0.0 for one in extractors if one.name not in arguments.without}
        since, clips = time.process_time(), 0
        for clip in clips_of(video, None, with_pictures="visual" in spent):
            spent["decoding"] += time.process_time() - since
            for one in extractors:
                if one.name in spent:
                    since = time.process_time()
                    one.features(clip._replace(words="what a goal " * 10))
                    spent[one.name] += time.process_time() - since
            since, clips = time.process_time(), clips + 1
        for name, seconds in spent.items():
            print(f"{name}: {video.duration_s / max(seconds, 1e-9):,.1f} s of video a second of processor")
        print(f"all: {video.duration_s / sum(spent.values()):,.1f} s; {clips:,} clips, {video.duration_s:,.0f} s")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


def _made(path: Path, seconds: int) -> Path:
    """Write a video of stripes that wander, and a tone."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=_RATE, width=1280, height=720, pix_fmt="yuv420p", bit_rate=4_000_000)
        audio = file.add_stream("aac", rate=_SAMPLES, layout="stereo")
        stripes = (np.add.outer(np.arange(720), np.arange(1280)) % 256).astype(np.uint8)
        for number in range(seconds * _RATE):
            frame = av.VideoFrame.from_ndarray(np.repeat(np.roll(stripes, 7 * number, axis=1)[..., None], 3, axis=2), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            file.mux(video.encode(frame))
        file.mux(video.encode())
        for start in range(0, seconds * _SAMPLES, 1024):
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + 1024) / _SAMPLES)
            sound = av.AudioFrame.from_ndarray(np.tile(tone.astype(np.float32), (2, 1)), "fltp", "stereo")
            sound.sample_rate, sound.pts, sound.time_base = _SAMPLES, start, Fraction(1, _SAMPLES)
            file.mux(audio.encode(sound))
        file.mux(audio.encode())
    return path


if __name__ == "__main__":
    main()
