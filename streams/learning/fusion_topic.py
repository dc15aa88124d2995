"""Letting a fusion hold: one message in every partition, which is all of it."""

from typing import Final

from schemas.fusion import FusionRelease, LearnedFusion
from schemas.ranker import CURRENT_KEY
from schemas.topics import FUSION_RELEASES
from streams.kafka import VerifiedProducer, topic_name
from streams.settings import Settings

BUILT_IN: Final = "built-in"
"""Name of what is no release: the fusion that comes with the workers."""


def publish_fusion(settings: Settings, partitions: int, release: str, fusion: LearnedFusion | None) -> None:
    """Let a fusion hold in every partition; without one, the built-in.

    A process that dies in between leaves some partitions with the fusion before it; sending it again puts that right.

    Raises:
        DeliveryError: Kafka did not take it.
    """
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, FUSION_RELEASES)
    value = FusionRelease(schema_version=1, release=release, fusion=fusion).model_dump_json().encode()
    for partition in range(partitions):
        producer.send(topic, key=CURRENT_KEY, value=value, partition=partition)
    producer.verify()
