"""Videos as clips: decoding and subtitles."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extraction` is not installed")

from schemas.errors import ConfigurationError
from scoring.extraction.clip import Clip
from scoring.extraction.log_mel import log_mel
from streams.extraction.clips import clips_of
from streams.extraction.decoding import Video
from streams.extraction.subtitles import read_subtitles, subtitles_of
from tests.streams.extraction.videos import WORDS, make_video


def _clips(path: Path, *, with_pictures: bool = True) -> list[Clip]:
    return list(clips_of(Video(path), subtitles_of(path), with_pictures=with_pictures))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """The clips of 25 seconds with subtitles."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "v.srt").write_text(WORDS)
    return _clips(make_video(folder / "v.mp4"))


def test_a_clip_is_ten_seconds_and_the_last_is_what_is_left(clips: list[Clip]) -> None:
    """15 pictures a second, 16,000 samples, of 10, 10 and 5 s."""
    assert [clip.pictures.shape for clip in clips if clip.pictures is not None] == [(n, 112, 112, 3) for n in (150, 150, 75)]
    lengths = [len(clip.sound) for clip in clips if clip.sound is not None]
    assert lengths[:2] == [160_000, 160_000]
    assert lengths[2] == pytest.approx(80_000, abs=1_600)


def test_pictures_stand_where_they_are_shown(clips: list[Clip]) -> None:
    """The square is at 30 + 8 t + 10 of 160 pixels after t seconds: at column (... x 171 / 160 - 29) of what is cut out."""
    for clip in clips:
        assert clip.pictures is not None
        for second in (1.0, 4.0):
            bright = clip.pictures[round(second * 15), 50, :, 0].astype(float)
            assert np.average(np.arange(112), weights=bright) == pytest.approx((40 + 8 * second) * 171 / 160 - 29, abs=2)


def test_the_tone_is_heard(clips: list[Clip]) -> None:
    """440 Hz are in the ninth band of every clip, as loud as they were recorded."""
    for clip in clips:
        assert clip.sound is not None
        assert log_mel(clip.sound).mean(axis=0).argmax() == 8
        assert clip.sound.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_words_are_those_that_are_shown_in_the_clip(clips: list[Clip]) -> None:
    """A line across a border is in both clips; styles are left out."""
    assert [clip.words for clip in clips] == ["What a goal!\nSchön", "Schön", ""]


def test_what_a_video_lacks_is_missing(tmp_path: Path) -> None:
    """No sound, no pictures, no subtitles: None, not zeros."""
    for clip in _clips(make_video(tmp_path / "silent.mp4", 3, hertz=None)):
        assert clip.pictures is not None
        assert clip.sound is clip.words is None
    for clip in _clips(make_video(tmp_path / "blind.mkv", 3, pictures=False)):
        assert clip.pictures is None
        assert clip.sound is not None


def test_pictures_are_not_decoded_for_nothing(tmp_path: Path) -> None:
    """Where nobody asks for them, and there is sound to count the clips by."""
    assert [clip.pictures for clip in _clips(make_video(tmp_path / "v.mp4", 12), with_pictures=False)] == [None, None]


def test_where_sound_pauses_there_is_silence(tmp_path: Path) -> None:
    """What comes after a pause of 2 s in the middle of 4 s stands where it is played: from 4 s on."""
    [clip] = _clips(make_video(tmp_path / "v.mkv", 4, pictures=False, pause_s=2))
    assert clip.sound is not None
    assert len(clip.sound) == pytest.approx(96_000, abs=3_200)
    loud = [np.abs(clip.sound[second * 16_000 : second * 16_000 + 8_000]).mean() > 0.1 for second in (1, 2, 3, 4, 5)]
    assert loud == [True, False, False, True, True]


def test_sound_that_goes_on_a_little_makes_no_clip(tmp_path: Path) -> None:
    """Half a second after the last picture."""
    assert len(_clips(make_video(tmp_path / "v.mkv", 10, sound_s=10.5))) == 1


def test_subtitles_of_a_language_are_found(tmp_path: Path) -> None:
    """The video's own name comes first, then languages in their order; WebVTT is read as well."""
    (tmp_path / "v.de.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:04.000\n<v Ada>Tor</v>\n")
    (tmp_path / "v.en.srt").write_text(WORDS)
    (tmp_path / "v2.srt").write_text(WORDS)
    found = subtitles_of(tmp_path / "v.mp4")
    assert found == tmp_path / "v.de.vtt"
    assert read_subtitles(found) == [(1.0, 4.0, "Tor")]
    (tmp_path / "v.srt").write_text(WORDS)
    assert subtitles_of(tmp_path / "v.mp4") == tmp_path / "v.srt"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A file that is no video, one that was cut off, and subtitles that are not UTF-8."""
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    with pytest.raises(ConfigurationError, match=r"text\.mp4 cannot be decoded"):
        _clips(text)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(make_video(tmp_path / "whole.mkv").read_bytes()[:60_000])
    with pytest.raises(ConfigurationError, match=r"cut\.mkv ends after \d+ of 25 s"):
        _clips(cut)
    (tmp_path / "whole.srt").write_bytes(WORDS.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"whole\.srt cannot be decoded"):
        _clips(tmp_path / "whole.mkv")
