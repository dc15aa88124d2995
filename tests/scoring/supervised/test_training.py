"""Training of scores and tags."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from scoring.supervised.clips import LabelledClips
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.model import SupervisedModel
from scoring.supervised.network import ScoreHead, TagHead
from scoring.supervised.quality import macro_average_precision, squared_error
from scoring.supervised.training import best_of, train, with_cross_fitted_reliability
from tests.scoring.supervised.planted import planted

_SMALL = SupervisedConfig(hidden=32, latent=4, dropout=0.1, learning_rate=5e-3, most_epochs=25, patience=25)
_TEST = planted(seed=1)


@pytest.mark.parametrize(
    ("head", "tag_head"),
    [
        (ScoreHead.DISTRIBUTION, TagHead.CORRELATED),
        (ScoreHead.CLASSES, TagHead.CORRELATED),
        (ScoreHead.REGRESSION, TagHead.INDEPENDENT),
    ],
)
def test_what_features_tell_is_learned(head: ScoreHead, tag_head: TagHead) -> None:
    """Every head finds planted scores and tags in clips that it has not seen, some of them without a group."""
    model = train(planted(), replace(_SMALL, score_head=head, tag_head=tag_head), seed=1)
    outputs = model.outputs(_TEST.features)
    assert outputs.mean is not None
    assert outputs.tags is not None
    assert squared_error(outputs.mean, _TEST) < 0.5 * float(np.nanvar(_TEST.score))
    assert macro_average_precision(outputs.tags, _TEST) > 0.8


def test_the_same_seed_makes_the_same_model() -> None:
    """To the bit; another seed makes another."""
    one, same, other = (train(planted(), replace(_SMALL, most_epochs=2), seed).outputs(_TEST.features).mean for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_model_comes_back_from_its_arrays() -> None:
    """Description and tensors give a model that says the same."""
    model = train(planted(), replace(_SMALL, most_epochs=2), seed=1)
    again = SupervisedModel.of(model.description(), model.tensors())
    for one, other in zip(model.outputs(_TEST.features), again.outputs(_TEST.features), strict=True):
        assert np.array_equal(one, other)
    assert again.tag_names == ("a", "b", "c")


def test_intervals_hold_as_many_labels_as_they_say() -> None:
    """The 90 % interval, fitted on clips that the judging model has not learned from, holds about 90 % of new labels."""
    clips = planted()
    model = with_cross_fitted_reliability(train(clips, _SMALL, 1), _SMALL, clips, 1)
    outputs = model.outputs(_TEST.features)
    within = np.abs(outputs.mean - _TEST.score) <= 1.645 * outputs.sd
    assert 0.85 <= within[_TEST.scored].mean() <= 0.95


def test_a_task_without_labels_is_left_out() -> None:
    """Clips without tags make a model of scores, and the other way round; without both there is nothing to learn."""
    clips = planted()
    nothing = np.full_like(clips.score, np.nan), np.full_like(clips.tags, np.nan)
    assert train(replace(clips, tags=nothing[1]), replace(_SMALL, most_epochs=1), 1).outputs(_TEST.features).tags is None
    assert train(replace(clips, score=nothing[0]), replace(_SMALL, most_epochs=1), 1).outputs(_TEST.features).mean is None
    with pytest.raises(ValueError, match="nothing to learn"):
        train(replace(clips, score=nothing[0], tags=nothing[1]), _SMALL, 1)


def test_clips_without_a_label_change_nothing() -> None:
    """A model of scores alone is the same, to the bit, whether or not there are clips that nobody scored."""
    clips, config = planted(), replace(_SMALL, tag_head=None, most_epochs=2)
    one, same = (train(given, config, 1).outputs(_TEST.features).mean for given in (clips, clips.take(clips.scored)))
    assert np.array_equal(one, same)


def test_clips_of_one_video_have_nothing_to_hold_out() -> None:
    """One video alone is refused with the way out."""
    with pytest.raises(ValueError, match="at least two"):
        train(planted(videos=1), _SMALL, 1)


def _tagged_in(videos: list[int]) -> LabelledClips:
    """Return clips of which only some videos have tags."""
    clips = planted()
    tags = np.where(np.isin(clips.video, videos)[:, None], np.nan_to_num(clips.tags), np.float32(np.nan))
    return replace(clips, tags=tags)


def test_a_task_with_labels_of_one_video_is_refused() -> None:
    """Named, with how many there are; the other task has enough."""
    with pytest.raises(ValueError, match=r"task 'tags': 1 videos with labels.*at least two"):
        train(_tagged_in([3]), _SMALL, 1)


def test_a_draw_leaves_every_task_something_to_learn_from() -> None:
    """Two videos have tags, and the same numbers that draw what is held out have chosen them: one is given back."""
    clips = planted()
    drawn = np.unique(clips.video[clips.side(0.15, np.random.default_rng(1))])[:2]
    model = train(_tagged_in(drawn.tolist()), replace(_SMALL, most_epochs=1), 1)
    assert all(np.isfinite(values).all() for values in model.tensors().values())


@pytest.mark.parametrize("seed", range(3))
def test_a_fold_that_leaves_a_task_too_little_is_passed_over(seed: int) -> None:
    """Two videos of sixty have tags: without one of them a fold's model has another shape, or none."""
    config, clips = replace(_SMALL, most_epochs=1), _tagged_in([3, 30])
    before = train(clips, config, seed)
    model = with_cross_fitted_reliability(before, config, clips, seed)
    assert all(np.isfinite(values).all() for values in model.tensors().values())
    assert model.reliability.thresholds.shape == (3,)
    assert np.array_equal(model.reliability.thresholds, before.reliability.thresholds)
    assert not np.array_equal(model.reliability.sd_factor, before.reliability.sd_factor)


def test_a_model_of_two_videos_keeps_its_reliability() -> None:
    """Without one there is nothing to learn from, so no fold can be judged."""
    clips, config = planted(videos=2), replace(_SMALL, most_epochs=1)
    model = train(clips, config, 1)
    assert with_cross_fitted_reliability(model, config, clips, 1) is model


def test_no_weight_is_learned_from_videos_that_are_held_out() -> None:
    """Their labels say which epoch is kept, and nothing else."""
    clips, config = planted(), replace(_SMALL, most_epochs=1)
    held_out = clips.video % 10 == 0
    other = replace(clips, score=np.where(held_out, np.clip(clips.score + 0.1, 0, 10), clips.score).astype(np.float32))
    one, same, drawn = (
        train(given, config, 1, held_out=out).raw_outputs(_TEST.features).mean
        for given, out in ((clips, held_out), (other, held_out), (other, None))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, drawn)


def test_where_held_out_videos_have_no_label_others_are_drawn() -> None:
    """A model of few videos is trained as well."""
    clips = planted(videos=6)
    drawn = train(clips, _SMALL, 1)
    assert train(clips, _SMALL, 1, held_out=np.zeros(len(clips), np.bool_)).quality == drawn.quality


def test_videos_that_are_held_out_are_not_learned_from_for_want_of_others() -> None:
    """A task whose labels are all held out is refused."""
    clips = _tagged_in([3, 30])
    with pytest.raises(ValueError, match="task 'tags': 2 videos with labels, 0 of them to learn from"):
        train(clips, _SMALL, 1, held_out=np.isin(clips.video, [3, 30, 31]))


def test_held_out_scores_that_are_all_alike_say_nothing_of_epochs() -> None:
    """Against the scores learned from, they explain little; against themselves, a model was worse than any number of tags."""
    clips = planted()
    held_out = clips.video % 10 == 0
    alike = replace(clips, score=np.where(held_out, np.float32(5), clips.score))
    model = train(alike, _SMALL, 1, held_out=held_out)
    assert 1 < model.quality < 2
    assert macro_average_precision(model.outputs(_TEST.features).tags, _TEST) > 0.8


def test_settings_are_chosen_by_held_out_videos() -> None:
    """A setting that cannot learn is not taken."""
    useless = replace(_SMALL, learning_rate=0.0, most_epochs=1)
    _, chosen = best_of(planted(), [useless, _SMALL], 1)
    assert chosen == _SMALL
