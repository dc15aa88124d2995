"""Dead letters on the real servers: what can be sent again is, whatever lies beside it."""

import pytest

from schemas.errors import ConfigurationError
from schemas.topics import DEAD_LETTERS, FUSION_RELEASES
from streams.dead_letters import Replayed, read, replay, show
from streams.kafka import VerifiedProducer, topic_name
from tests.integration.running import System


def test_a_letter_with_nowhere_to_go_holds_up_no_other(system: System) -> None:
    """One that somebody else has put there, without our headers, is listed and stays; the others go out, each once."""
    system.send_raw([(b"v", b"not ours")], topic=DEAD_LETTERS)
    system.send_raw([(b"v", b"{")])
    system.start_worker()
    system.eventually(lambda: len(read(system.settings)) == 2, "the worker's letter")
    assert [(letter.reason, letter.value) for letter in read(system.settings)] == [("unknown", "not ours"), ("invalid_json", "{")]
    assert [letter.value for letter in read(system.settings, limit=1)] == ["not ours"]
    assert replay(system.settings) == Replayed(replayed=1, left={"unknown": 1})
    system.eventually(lambda: len(read(system.settings)) == 3, "the letter back")
    assert replay(system.settings) == Replayed(replayed=1, left={})


def test_a_letter_goes_back_to_the_partition_that_its_sender_chose(system: System) -> None:
    """Where a key says nothing of the partition, as of releases, and each has a message of its own."""
    producer, topic = VerifiedProducer(system.settings.kafka), topic_name(system.settings.kafka, FUSION_RELEASES)
    for partition in range(system.partitions):
        producer.send(topic, key=b"current", value=b"{", partition=partition)
    producer.verify()
    system.start_worker()
    system.eventually(lambda: len(read(system.settings)) == system.partitions, "a letter from each partition")
    assert replay(system.settings).replayed == system.partitions
    system.eventually(lambda: len(read(system.settings)) == 2 * system.partitions, "the letters back")
    sources = sorted(letter.source for letter in read(system.settings))
    assert sources == [f"{topic}:{partition}:{offset}" for partition in range(system.partitions) for offset in range(2)]
    first = read(system.settings)[0]
    assert show(system.settings, first.place) == first
    for place in ("0:999", "99:0", "0", "0:0:0"):
        with pytest.raises(ConfigurationError, match="no dead letter"):
            show(system.settings, place)
