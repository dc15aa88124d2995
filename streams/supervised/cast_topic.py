"""A cast table to topic `supervised-scores`: clips that have scores get the importance of the people in them."""

from collections import Counter
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from schemas.supervised import SupervisedOutput
from schemas.topics import SUPERVISED_SCORES
from streams.kafka import VerifiedProducer, topic_name
from streams.settings import KafkaSettings
from streams.supervised.cast_table import Cast, importance_of
from streams.supervised.score_topic import message_of, messages_of


class CastLoaded(NamedTuple):
    """What loading a cast table has done."""

    videos: int
    """Of the table, that the topic says something of."""
    unchanged: int
    """Of these, those whose people were the same already."""
    unknown: int
    """Of the table, without scores: there is no clip to give importance to."""


def publish_cast(settings: KafkaSettings, partitions: int, cast: Cast) -> CastLoaded:
    """Give the clips that the topic has the importance of the people in them; other videos, and all else, stay as they are.

    Raises:
        DeliveryError: Kafka does not take the messages.
    """
    said = {key: value for key, value in messages_of(settings, partitions) if key.decode(errors="replace") in cast}
    producer, topic = VerifiedProducer(settings), topic_name(settings, SUPERVISED_SCORES)
    counts: Counter[str] = Counter()
    for key, value in said.items():
        try:
            SupervisedOutput.model_validate_json(value)
        except ValidationError:  # withdrawn, or a dead letter of the workers
            continue
        output = orjson.loads(value)
        for clip in output["clips"]:
            clip["celebrity"] = importance_of(cast, output["video_id"], clip["clip_index"])
        new = message_of(output)
        counts["videos"] += 1
        if new == value:
            counts["unchanged"] += 1
        else:
            producer.send(topic, key=key, value=new)
    producer.verify()
    return CastLoaded(counts["videos"], counts["unchanged"], len(cast) - counts["videos"])
