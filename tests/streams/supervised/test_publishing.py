"""From clips' rows to messages of whole videos."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import orjson
import pytest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from schemas.errors import ConfigurationError
from schemas.supervised import SupervisedOutput
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.model import SupervisedModel
from scoring.supervised.training import train
from streams.supervised.feature_file import ClipRows
from streams.supervised.publishing import messages, whole_videos
from tests.scoring.supervised.planted import planted

_CLIPS = planted(videos=12)


@pytest.fixture(scope="module")
def model() -> SupervisedModel:
    """A model that has learned little."""
    return train(_CLIPS, SupervisedConfig(hidden=8, latent=2, most_epochs=2), 1)


def _rows(video_ids: str) -> ClipRows:
    count = len(video_ids)
    groups = {"visual": _CLIPS.features[:count, :3], "audio": _CLIPS.features[:count, 3:]}
    nothing = np.full(count, np.nan, np.float32)
    return ClipRows(list(video_ids), np.arange(count)[::-1], [None] * count, groups, nothing, nothing, [None] * count)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), (1, 2, 3, 4, 5)])
def test_parts_end_where_videos_end(cuts: tuple[int, ...]) -> None:
    """However the file is cut into batches, no video is in two parts, and nothing is lost."""
    rows, ends = _rows("aabbbc"), [0, *cuts, 6]
    parts = list(whole_videos(rows.take(*pair) for pair in pairwise(ends)))
    assert [name for part in parts for name in part.video_id] == list("aabbbc")
    assert all(not set(one.video_id) & set(other.video_id) for one, other in pairwise(parts))


@pytest.mark.parametrize("names", ["aba", "abca"])
def test_a_video_in_two_places_is_refused(names: str) -> None:
    """A message replaces all that was said of a video: half of one would take away the other half."""
    with pytest.raises(ConfigurationError, match=r"video 'a' are not together: sort"):
        list(whole_videos(iter([_rows(names)])))


def test_a_message_is_a_video_with_its_clips_in_order(model: SupervisedModel) -> None:
    """Each keeps the contract, names the release, and gives clips a score, a spread and the tags that are there."""
    sent = dict(messages(_rows("aab"), "m-1", model, {}))
    outputs = {video: SupervisedOutput.model_validate(orjson.loads(value)) for video, value in sent.items()}
    assert [clip.clip_index for clip in outputs["a"].clips] == [1, 2]
    assert {output.model_version for output in outputs.values()} == {"m-1"}
    assert dict(messages(_rows("aab"), "m-1", model, {})) == sent


def test_a_spread_beyond_the_contract_is_as_wide_as_it_may_be(model: SupervisedModel) -> None:
    """One clip of which the model knows nothing does not end a run over a library."""
    wide = replace(model, reliability=model.reliability._replace(sd_factor=np.array([1e4], np.float32)))
    sent = dict(messages(_rows("aab"), "m-1", wide, {}))
    assert {clip.score_sd for value in sent.values() for clip in SupervisedOutput.model_validate_json(value).clips} == {10.0}


def test_other_features_than_the_learned_ones_are_refused(model: SupervisedModel) -> None:
    """The error names what is there and what was learned."""
    rows = _rows("aab")
    with pytest.raises(ConfigurationError, match=r"features audio \(3\), visual \(3\); m-1 has learned visual"):
        list(messages(rows._replace(groups=dict(reversed(rows.groups.items()))), "m-1", model, {}))


def test_a_video_id_that_no_message_may_have_is_named(model: SupervisedModel) -> None:
    """The contract's rule for identifiers holds here, too."""
    with pytest.raises(ConfigurationError, match="video_id"):
        list(messages(_rows("a b")._replace(video_id=["a b"] * 3), "m-1", model, {}))


def test_a_cast_gives_clips_the_importance_of_their_people(model: SupervisedModel) -> None:
    """In a video of the table a clip without anybody has 0; of another video nothing is known."""
    sent = dict(messages(_rows("aab"), "m-1", model, {"a": {2: 0.75}}))
    of = {video: [clip.celebrity for clip in SupervisedOutput.model_validate_json(value).clips] for video, value in sent.items()}
    assert of == {"a": [0.0, 0.75], "b": [None]}
