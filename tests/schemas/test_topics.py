"""Topics and their examples: the contract as its YAML files state it."""

from collections import defaultdict

import numpy as np
import pytest
from pydantic import ValidationError

from schemas.byte_column import ByteColumn
from schemas.clickhouse import migrations
from schemas.columns import decode
from schemas.dead_letters import Reason, rejection_of
from schemas.hashing import hash_key
from schemas.topics import DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, INTERACTIONS, MODELS, RANKER_SCORES, topics

_KEY = hash_key(bytes(range(16)))
_ANY_SIZE = 1 << 16

_VALID = [(name, value) for name, topic in topics().items() for value in topic.examples.valid]
_INVALID = [(name, bad.value, bad.reason) for name, topic in topics().items() for bad in topic.examples.invalid]


@pytest.mark.parametrize(("topic", "value"), _VALID)
def test_valid_example_is_accepted(topic: str, value: str) -> None:
    """Each valid example passes its topic's model."""
    MODELS[topic].model_validate_json(value)


@pytest.mark.parametrize(("topic", "value", "reason"), _INVALID)
def test_invalid_example_is_refused_for_its_reason(topic: str, value: str, reason: str) -> None:
    """Each invalid example is refused, for the reason that stands beside it."""
    with pytest.raises(ValidationError) as refused:
        MODELS[topic].model_validate_json(value)
    assert rejection_of(refused.value).reason == reason


@pytest.mark.parametrize("value", topics()[INTERACTIONS].examples.valid)
def test_valid_interaction_is_decoded(value: str) -> None:
    """Each valid interaction passes the columnar decoder."""
    columns, rejections = decode(ByteColumn.of([value.encode()]), _KEY, _ANY_SIZE)
    assert columns.accepted.all()
    assert not rejections


@pytest.mark.parametrize(("value", "reason"), [(bad.value, bad.reason) for bad in topics()[INTERACTIONS].examples.invalid])
def test_invalid_interaction_is_rejected_by_the_decoder(value: str, reason: str) -> None:
    """Each invalid interaction is rejected by the columnar decoder for the reason that stands beside it."""
    columns, rejections = decode(ByteColumn.of([value.encode()]), _KEY, _ANY_SIZE)
    assert not columns.accepted.any()
    assert rejections[0].reason == reason


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_examples_of_both_sorts(name: str) -> None:
    """No model goes without a valid and an invalid example."""
    assert topics()[name].examples.valid
    assert topics()[name].examples.invalid


def test_every_topic_but_the_dead_letters_has_a_model() -> None:
    """Only the dead letters carry bytes that no model describes."""
    assert set(topics()) == {*MODELS, DEAD_LETTERS}


def test_the_version_in_the_yaml_is_the_model_s() -> None:
    """A message with the YAML's `schema_version` and nothing else is refused for what it lacks, not for its version."""
    for name, model in MODELS.items():
        with pytest.raises(ValidationError) as refused:
            model.model_validate_json(f'{{"schema_version":{topics()[name].schema_version}}}')
        assert rejection_of(refused.value).reason is Reason.MISSING_FIELD


def test_topics_that_are_joined_have_the_same_partitions() -> None:
    """Topics with the same key, or in which a message has a video's or every partition, have as many partitions."""
    by_key: defaultdict[str, set[int]] = defaultdict(set)
    for topic in topics().values():
        key = "video_id" if topic.name in (DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, RANKER_SCORES) else topic.key.split(" ")[0]
        by_key[key].add(topic.partitions)
    assert {key: len(partitions) for key, partitions in by_key.items()} == {"video_id": 1}


def test_reasons_of_examples_are_known() -> None:
    """Examples name only reasons that dead letters can have."""
    assert {reason for _, _, reason in _INVALID} <= set(Reason)


def test_migrations_are_numbered_without_gaps() -> None:
    """Migrations count 1, 2, 3, ... and each holds statements."""
    found = migrations()
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert all(migration.statements for migration in found)


def test_an_empty_chunk_decodes_to_nothing() -> None:
    """A chunk without messages has no rows and no rejections."""
    columns, rejections = decode(ByteColumn.of([]), _KEY, _ANY_SIZE)
    assert columns.accepted.shape == (0,)
    assert columns.video.dtype == np.uint64
    assert rejections == {}
