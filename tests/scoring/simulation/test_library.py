"""The simulated library and what supervised models say of it."""

from dataclasses import fields

import numpy as np
import pytest

from schemas.errors import ConfigurationError
from schemas.supervised import SupervisedOutput
from scoring.simulation.library import Library, make_library
from scoring.simulation.supervised import supervised_messages


def test_the_same_generator_gives_the_same_library() -> None:
    """Nothing but the generator decides what the library is."""
    one, other = (make_library(np.random.default_rng(7), videos=20) for _ in range(2))
    for field in fields(Library):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_clips_cover_each_video(library: Library) -> None:
    """A video has a clip for every ten seconds begun."""
    np.testing.assert_array_equal(np.diff(library.first_clip), -(-library.length_ms // 10_000))


def test_videos_last_2_to_40_minutes(library: Library) -> None:
    """Lengths keep their bounds."""
    assert library.length_ms.min() >= 120_000
    assert library.length_ms.max() <= 2_400_000


def test_appeal_is_smooth(library: Library) -> None:
    """A clip is much more like the next one than like any other of its video."""
    near, far = [], []
    for video in range(len(library.video_ids)):
        appeal = library.appeal[library.clips(video)]
        near.append(np.abs(np.diff(appeal)).mean())
        far.append(np.abs(np.subtract.outer(appeal, appeal)).mean())
    assert np.mean(near) < 0.5 * np.mean(far)


def test_celebrities_add_to_appeal() -> None:
    """Clips with important people are liked better on average."""
    library = make_library(np.random.default_rng(3), videos=200)
    important = np.nan_to_num(library.celebrity) > 0.5
    assert library.appeal[important].mean() > library.appeal[np.isnan(library.celebrity)].mean() + 0.5


def test_models_see_appeal_through_noise() -> None:
    """A model's mean is close to the truth, though not all of the error is within what its spread admits."""
    library = make_library(np.random.default_rng(3), videos=200)
    error = np.abs(library.score_mean - library.appeal)
    assert 0.6 < np.corrcoef(library.score_mean, library.appeal)[0, 1] < 0.95
    assert 0.85 < np.mean(error < 2 * library.score_sd) < 0.96


def test_messages_keep_the_contract(library: Library) -> None:
    """Each message is valid, and tells of every clip of a video in order."""
    for message in supervised_messages(library):
        output = SupervisedOutput.model_validate(message)
        video = library.video_ids.index(output.video_id)
        clips = library.clips(video)
        assert [clip.clip_index for clip in output.clips] == list(range(clips.stop - clips.start))


def test_there_are_titles_that_nobody_knows(library: Library) -> None:
    """Messages come for the known videos, and these are not all."""
    told = [message["video_id"] for message in supervised_messages(library)]
    assert told == [name for name, known in zip(library.video_ids, library.known, strict=True) if known]
    assert 0 < len(told) < len(library.video_ids)


def test_celebrity_is_absent_where_nobody_is_known(library: Library) -> None:
    """The key is left out, not set to null or 0."""
    for message in supervised_messages(library):
        video = library.video_ids.index(message["video_id"])
        told = ["celebrity" in clip for clip in message["clips"]]
        np.testing.assert_array_equal(told, ~np.isnan(library.celebrity[library.clips(video)]))


@pytest.mark.parametrize("arguments", [{"videos": 0}, {"known_share": 1.5}])
def test_wrong_arguments_are_named(arguments: dict[str, float]) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        make_library(np.random.default_rng(1), **arguments)
