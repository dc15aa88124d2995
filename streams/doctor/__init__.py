"""What may be wrong with an installation, and the command that mends it."""

from collections.abc import Callable, Generator, Iterable, Iterator

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

_LOG = "look into the server's log, then run `highlights doctor` again"
_WAYS_OUT = dict.fromkeys(("machine", "releases"), "let this user read it, then run `highlights doctor` again")


def examine(settings: Settings, variables: Iterable[str], now_ms: int) -> Iterator[Finding]:
    """Yield what is found, good and bad, as it is found. Nothing is changed.

    Args:
        settings: all settings, with the addresses of the embedded servers where those run.
        variables: names of all environment variables.
        now_ms: this machine's time, Unix ms.
    """
    yield from _or_error("machine", "readable", lambda: check_machine(settings, variables))
    yield from _or_error("releases", "readable", lambda: check_releases(settings))
    yield from _or_error("clickhouse", "reachable", lambda: check_clickhouse(settings, now_ms))
    if (yield from _or_error("kafka", "reachable", lambda: check_kafka(settings, now_ms))):
        yield from _or_error("state", "readable", lambda: check_state(settings))


def _or_error(area: str, first: str, check: Callable[[], Iterator[Finding]]) -> Generator[Finding, None, bool]:
    """Yield what a check finds, and return whether it found anything; an error that ends it is a finding, too.

    Args:
        area: what is looked at.
        first: what could not be done when nothing was found before the error.
        check: looks at it.
    """
    has_found = False
    try:
        for finding in check():
            has_found = True
            yield finding
    except HighlightsError as error:
        yield bad(area, "the rest" if has_found else first, str(error))
    except (KafkaException, ClickHouseError, OSError) as error:
        found = (str(error) or "no answer in time").splitlines()[0]
        yield bad(area, "the rest" if has_found else first, found, _WAYS_OUT.get(area, _LOG))
    return has_found
