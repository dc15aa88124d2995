"""The ceiling: confluent_kafka and orjson, fetching and decoding, and nothing else."""

import orjson
from confluent_kafka import Consumer

from benchmarks.peers.assignment import Assignment, Meter


def main() -> None:
    """Read."""
    given = Assignment.given()
    meter = Meter(given)
    consumer = Consumer(
        {
            "bootstrap.servers": given.servers,
            "group.id": f"bench-{given.name}",
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": 4 << 20,
            "queued.max.messages.kbytes": 64 << 10,
        }
    )
    consumer.subscribe([given.topic])
    is_done = False
    while not is_done:
        messages = consumer.consume(10_000, 0.1)
        if messages:
            is_done = meter.add(len(messages))
            for message in messages:
                orjson.loads(message.value())
    consumer.close()
    meter.report()


if __name__ == "__main__":
    main()
