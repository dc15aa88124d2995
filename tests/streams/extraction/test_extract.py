"""From videos to a folder of features."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extraction` is not installed")
pytest.importorskip("torch", reason="the extra `training` is not installed")

import torch

from schemas.errors import ConfigurationError
from scoring.extraction.residual_3d import Residual3DNetwork
from streams.extraction.extract import Extracted, Told, extract, video_ids
from streams.extraction.feature_folder import FeatureFolder
from streams.extraction.groups import Group
from streams.extraction.weights import Extraction, extraction_of
from streams.supervised.feature_file import ClipRows, read_rows
from tests.streams.extraction.videos import WORDS, make_video

_UNTRAINED = extraction_of([Group.LOG_MEL, Group.TEXT], {})
_SILENT = Told(lambda _path, _clips: None, lambda: None, lambda _what: None)


def _extract(out: Path, *videos: Path, extraction: Extraction = _UNTRAINED) -> Extracted:
    return extract(video_ids(videos), FeatureFolder(out, extraction), extraction, _SILENT)


def _rows(out: Path) -> ClipRows:
    [rows] = read_rows(out / "clips.parquet")
    return rows


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `spoken` with subtitles, 12 s; `silent`, 3 s; `broken`."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "spoken.mp4", 12)
    (folder / "spoken.srt").write_text(WORDS)
    make_video(folder / "silent.mp4", 3, hertz=None)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def test_the_file_is_one_of_clips_features(videos: Path, tmp_path: Path) -> None:
    """All videos' clips, in the order of ids; what a video has not is masked."""
    _extract(tmp_path, videos / "spoken.mp4", videos / "silent.mp4")
    rows = _rows(tmp_path)
    assert list(zip(rows.video_id, rows.clip_index.tolist(), strict=True)) == [("silent", 0), ("spoken", 0), ("spoken", 1)]
    assert {name: values.shape for name, values in rows.groups.items()} == {"log_mel": (3, 128), "text": (3, 256)}
    for values in rows.groups.values():
        assert np.isnan(values).all(axis=1).tolist() == [True, False, False]
        assert np.isfinite(values[1:]).all()


def test_a_video_that_cannot_be_read_is_told_and_the_others_go_on(videos: Path, tmp_path: Path) -> None:
    """It is named, and has no clips in the file."""
    done = _extract(tmp_path, videos / "nothing.mp4", videos / "broken.mp4", videos / "silent.mp4")
    assert (done.videos, done.clips) == (1, 1)
    assert [Path(name).name for name in done.refused] == ["nothing.mp4", "broken.mp4"]
    assert all(name in what for name, what in done.refused.items())
    assert _rows(tmp_path).video_id == ["silent"]


def test_a_run_goes_on_where_it_was(videos: Path, tmp_path: Path) -> None:
    """Features that are there are not made again, unless the video or its subtitles have changed; other videos are kept."""
    _extract(tmp_path, videos / "silent.mp4")
    both = videos / "silent.mp4", videos / "spoken.mp4"
    assert _extract(tmp_path, *both)[:3] == (2, 1, 3)
    assert _extract(tmp_path, videos / "spoken.mp4")[:3] == (1, 1, 3)
    (videos / "silent.srt").write_text(WORDS)
    try:
        assert _extract(tmp_path, *both)[:3] == (2, 1, 3)
        assert not np.isnan(_rows(tmp_path).groups["text"]).any()
    finally:
        (videos / "silent.srt").unlink()


def test_an_interrupted_video_leaves_nothing_behind(videos: Path, tmp_path: Path) -> None:
    """Neither half a file nor a name for it."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(
            video_ids([videos / "silent.mp4"]), FeatureFolder(tmp_path, _UNTRAINED), _UNTRAINED, _SILENT._replace(clip=interrupt)
        )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_features_of_other_extractors_are_not_mixed(videos: Path, tmp_path: Path) -> None:
    """A folder is of one kind."""
    _extract(tmp_path, videos / "silent.mp4")
    with pytest.raises(ConfigurationError, match=r"silent\.parquet was made with other groups of features or other weights"):
        _extract(tmp_path, videos / "silent.mp4", extraction=extraction_of([Group.TEXT], {}))


def test_weights_come_from_a_file(videos: Path, tmp_path: Path) -> None:
    """As torch saves them; the file's checksum tells them from others."""
    path = tmp_path / "r3d_18.pth"
    torch.manual_seed(0)
    torch.save(Residual3DNetwork().state_dict(), path)
    extraction = extraction_of([Group.VISUAL], {Group.VISUAL: path})
    assert len(extraction.weights["visual"]) == 64
    _extract(tmp_path / "out", videos / "silent.mp4", extraction=extraction)
    assert _rows(tmp_path / "out").groups["visual"].shape == (1, 512)


@pytest.mark.parametrize("group", [Group.VISUAL, Group.AUDIO])
def test_without_weights_it_is_said_how_to_get_them(group: Group, tmp_path: Path) -> None:
    """Not named, not there, and not of that network: one line each."""
    with pytest.raises(ConfigurationError, match=rf"\.pth.*Name the file with --{group}-weights.*--without {group}"):
        extraction_of([group], {})
    with pytest.raises(ConfigurationError, match=rf"there is no file .*x\.pth: --{group}-weights is to name"):
        extraction_of([group], {group: tmp_path / "x.pth"})
    (tmp_path / "x.pth").write_bytes(b"no weights")
    torch.save({"a": torch.zeros(1)}, tmp_path / "y.pth")
    for name in ("x.pth", "y.pth"):
        with pytest.raises(ConfigurationError, match=rf"{name} does not hold the weights of"):
            extraction_of([group], {group: tmp_path / name})


@pytest.mark.parametrize(
    ("names", "what"), [(["my video.mp4"], "rename it"), (["a.mp4", "b/a.mkv"], "two files have the video id 'a'")]
)
def test_a_file_s_name_is_the_video_s_id(names: list[str], what: str) -> None:
    """So it has to be one, and only once."""
    with pytest.raises(ConfigurationError, match=what):
        video_ids([Path(name) for name in names])
