"""How the embedded Kafka is set: its properties, Java's options and environment."""

import json
import os
from pathlib import Path
from typing import Final

# Sizes are bytes: a message of 16 MiB fits with its headers. The broker's session is short, because a server that starts
# again after a kill waits for the end of its own old one.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
message.max.bytes=17825792
replica.fetch.max.bytes=17825792
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.cleaner.backoff.ms=5000
log.cleaner.min.cleanable.ratio=0.2
log.cleaner.dedupe.buffer.size=33554432
log.segment.bytes=67108864
log.retention.check.interval.ms=30000
"""
JAVA_OPTIONS: Final = (
    "-XX:+UseSerialGC",
    # The quick compiler alone: the other one takes most of a core for the first minutes of a server that rarely lives longer.
    "-XX:TieredStopAtLevel=1",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
)


def server_properties(port: int, controller_port: int, log_dir: Path) -> str:
    """Return the text of `server.properties` for a broker and controller on two ports of loopback."""
    # Java reads these files as Latin-1, and takes the same escapes for all else as JSON.
    escaped = json.dumps(str(log_dir))[1:-1]
    return _PROPERTIES.format(port=port, controller_port=controller_port, log_dir=escaped)


def java_environment() -> dict[str, str]:
    """Return this process's environment, with a locale in which Java can open every file.

    In the locale C, which cron and containers have, that would be those with an ASCII name.
    """
    return {**os.environ, "LC_ALL": "C.UTF-8"}
