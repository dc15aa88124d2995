"""Topic `supervised-scores`: what it says, and messages that keep its contract."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.errors import ConfigurationError
from schemas.supervised import SupervisedOutput
from schemas.topics import SUPERVISED_SCORES
from streams.kafka import topic_name
from streams.reading import read
from streams.settings import KafkaSettings


def messages_of(settings: KafkaSettings, partitions: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of the topic; a later one of a key takes the place of those before, an empty one withdraws."""
    for partition in range(partitions):
        for batch in read(settings, topic_name(settings, SUPERVISED_SCORES), partition):
            yield from ((message.key() or b"", message.value() or b"") for message in batch)


def message_of(output: Mapping[str, Any]) -> bytes:
    """Return the message that says an output; the same output makes the same bytes.

    Raises:
        ConfigurationError: it would break the contract.
    """
    value = orjson.dumps(output)
    try:
        SupervisedOutput.model_validate_json(value)
    except ValidationError as error:
        first = error.errors()[0]
        text = f"video {output['video_id']!r}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigurationError(text) from error
    return value
