"""What may be wrong with an installation, and the command that mends it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException

from schemas.errors import HighlightsError
from streams.doctor.clickhouse import check_clickhouse
from streams.doctor.finding import Finding, bad
from streams.doctor.kafka import check_kafka
from streams.doctor.machine import check_machine
from streams.doctor.releases import check_releases
from streams.doctor.state import check_state
from streams.settings import Settings


def examine(settings: Settings, variables: Iterable[str], now_ms: int) -> Iterator[Finding]:
    """Yield what is found, good and bad, as it is found. Nothing is changed.

    Args:
        settings: all settings, with the addresses of the embedded servers where those run.
        variables: names of all environment variables.
        now_ms: this machine's time, Unix ms.
    """
    yield from check_machine(settings, variables)
    yield from check_releases(settings)
    yield from _or_error("clickhouse", lambda: check_clickhouse(settings, now_ms))
    yield from _or_error("kafka", lambda: chain(check_kafka(settings, now_ms), check_state(settings)))


def _or_error(area: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; an error that ends it is a finding, whose text says the way out."""
    try:
        yield from check()
    except HighlightsError as error:
        yield bad(area, "reachable", str(error))
    except (KafkaException, ClickHouseError, TimeoutError) as error:
        found = (str(error) or "no answer in time").splitlines()[0]
        yield bad(area, "reachable", found, "look into the server's log, then run `highlights doctor` again")
