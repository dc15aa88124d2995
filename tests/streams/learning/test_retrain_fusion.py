"""Learning a fusion of what workers know: which labelled clips teach it what, and which judge it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.supervised import SupervisedOutput
from scoring.learned_fusion.gate import BUILT_IN_FUSION
from scoring.learned_fusion.live import SIGNALS
from scoring.learned_fusion.model import SignalTable
from scoring.splits import Split, split_of
from streams.learning.labels import Labels
from streams.learning.retrain_fusion import Learned, _trained_on_validation, learn_fusion
from streams.learning.snapshot import Snapshot
from streams.settings import Settings
from streams.supervised.releases import ModelManifest, models

_VIDEOS, _CLIPS = 100, 10
_NAMES = sorted(f"v{number:03d}" for number in range(_VIDEOS))
_VIDEO = np.repeat(np.arange(_VIDEOS), _CLIPS)
_SIDE = split_of(_NAMES)[_VIDEO]
_RNG = np.random.default_rng(0)
_LABEL = _RNG.uniform(0, 10, len(_VIDEO))
_SUPERVISED, _RANKER, _SHARE = (SIGNALS.index(name) for name in ("supervised", "ranker", "share"))


def _snapshot(model: str = "m-1") -> Snapshot:
    said = {name: SupervisedOutput(schema_version=1, video_id=name, model_version=model, clips=()) for name in _NAMES}
    return Snapshot(_NAMES, _VIDEO, np.tile(np.arange(_CLIPS), _VIDEOS), np.zeros((4, len(_VIDEO)), np.uint32), said, ())


def _table(known_by_heart: NDArray[np.bool_]) -> SignalTable:
    """Return a supervised score that repeats some labels and guesses the others, and shares that tell of all."""
    value = np.full((len(SIGNALS), len(_VIDEO)), np.nan)
    value[_SUPERVISED] = np.where(known_by_heart, _LABEL, _RNG.uniform(0, 10, len(_VIDEO)))
    value[_SHARE] = _LABEL + _RNG.normal(0, 3, len(_VIDEO))
    return SignalTable(value, np.zeros_like(value))


def _learned(table: SignalTable, labelled: NDArray[np.bool_] | None = None, *older: str) -> Learned:
    score = np.where(True if labelled is None else labelled, _LABEL, np.nan).astype(np.float32)
    return learn_fusion(_snapshot(), table, np.full(len(_VIDEO), 5.0), Labels(score, {}), older, seed=0)


def _weights(found: Learned, table: SignalTable) -> NDArray[np.float64]:
    return found.model.weights(table).mean(axis=1)


def test_a_supervised_score_is_trusted_by_videos_that_it_has_not_learned_from() -> None:
    """It repeats the labels of the videos of training: what it is worth elsewhere, those of validation tell."""
    table = _table(_SIDE == Split.TRAIN)
    found = _learned(table)
    assert _weights(found, table)[_SUPERVISED] < 0.15 < _weights(found, table)[_SHARE]
    assert found.counts["whole_clips"] == (_SIDE == Split.VALIDATION).sum()
    assert found.counts["learned_clips"] == (_SIDE != Split.TEST).sum()


def test_videos_that_nothing_has_learned_from_judge() -> None:
    """Those of the test alone, whatever a signal knows of the others."""
    found = _learned(_table(_SIDE != Split.TEST))
    assert found.counts["held_out_clips"] == (_SIDE == Split.TEST).sum()
    judged = found.verdict.baselines[BUILT_IN_FUSION]
    assert judged.videos == len(np.unique(_VIDEO[_SIDE == Split.TEST]))
    assert judged.accuracy is not None
    assert judged.accuracy.mean < 0.7


def test_a_model_that_has_learned_from_validation_leaves_nothing_to_learn_it_by() -> None:
    """Its manifest says so; the way out is to train it again."""
    with pytest.raises(ConfigurationError, match=r"^0 labelled clips.*30 are needed.*m-1 has learned from these, too: train"):
        _learned(_table(_SIDE != Split.TEST), None, "m-1")


def test_models_that_have_learned_from_validation_are_known_by_their_manifests(tmp_path: Path) -> None:
    """Whoever names validation among what it has not seen has not; before it was noted all models had."""
    settings = Settings(data_dir=tmp_path)
    releases = models(settings.learning.models_folder(settings.data_dir))
    for name, unseen in (("m-before", ("test",)), ("m-since", ("validation", "test"))):
        releases.write_files(_manifest(name, unseen), {})
    assert _trained_on_validation(settings) == {"m-before"}


def _manifest(release: str, unseen: tuple[str, ...]) -> ModelManifest:
    common = {"created_at": "2026-01-01T00:00:00+00:00", "code_version": "0", "seed": 1, "seconds": 0.1}
    nothing = {name: {} for name in ("config", "metrics", "files", "model", "data", "vocabulary", "counts")}
    return ModelManifest(release=release, unseen=unseen, **common, **nothing)


def test_too_few_clips_of_validation_are_told_with_the_way_out() -> None:
    """Though there are hundreds of training."""
    few = (_SIDE != Split.VALIDATION) | (np.cumsum(_SIDE == Split.VALIDATION) <= 12)
    with pytest.raises(ConfigurationError, match=r"^12 labelled clips.*30 are needed: label clips of more videos, one in ten"):
        _learned(_table(_SIDE == Split.TRAIN), few)


def test_without_learned_signals_all_videos_but_the_test_teach() -> None:
    """Behaviour has learned from nothing."""
    table = _table(_SIDE == Split.TRAIN)
    table.value[_SUPERVISED] = np.nan
    assert _learned(table).counts["whole_clips"] == (_SIDE != Split.TEST).sum()


def test_a_ranker_is_trusted_by_videos_that_it_has_not_learned_from() -> None:
    """It learns from viewers, and from labels, of the videos of training."""
    table = _table(_SIDE == Split.TRAIN)
    table.value[[_RANKER, _SUPERVISED]] = table.value[[_SUPERVISED, _RANKER]]
    assert _weights(_learned(table), table)[_RANKER] < 0.15
