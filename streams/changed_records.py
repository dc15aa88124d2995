"""What has changed of a state since the last flush, as records of its changelog."""

import numpy as np

from schemas.exclusions import Excluded
from scoring.statistics.partition import PartitionStatistics
from scoring.statistics.sessions import BUCKETS
from streams import changelog
from streams.changelog import Record
from streams.ledger import Ledger


class ChangedRecords:
    """Finds the records that a flush is to write, and those that it makes superfluous."""

    def __init__(self, excluded: frozenset[Excluded]) -> None:
        """Begin with a state whose changelog is empty."""
        self.segment_keys: set[bytes] = set()
        """Keys of all records of sessions in the changelog."""
        self.obsolete_keys: set[bytes] = set()
        """Keys that the next flush deletes, unless it writes them."""
        self.new_exclusions = excluded
        """That the changelog does not have yet."""

    def keys(self, statistics: PartitionStatistics, excluded: frozenset[Excluded]) -> set[bytes]:
        """Return the keys of all records that the changelog has of a state, but the ledger's."""
        pages = statistics.pages.key[: int(statistics.pages.size[0])]
        return {*changelog.page_keys(pages)} | self.segment_keys | _exclusion_keys(excluded)

    def exclude(self, wanted: frozenset[Excluded], instead_of: frozenset[Excluded]) -> None:
        """Take note that others are excluded from now on."""
        self.obsolete_keys = (self.obsolete_keys | _exclusion_keys(instead_of - wanted)) - _exclusion_keys(wanted)
        self.new_exclusions = (self.new_exclusions | (wanted - instead_of)) & wanted

    def take(self, statistics: PartitionStatistics, ledger: Ledger, excluded: frozenset[Excluded]) -> list[Record]:
        """Return what the changelog needs, the ledger last, and count it as written."""
        new = [*_page_records(statistics), *self._segment_records(statistics, ledger)]
        new += [changelog.exclusion_record(who) for who in sorted(self.new_exclusions)]
        obsolete = self.obsolete_keys.difference(record.key for record in new)
        self.new_exclusions, self.obsolete_keys = frozenset(), set()
        ledger.records = int(statistics.pages.size[0]) + len(self.segment_keys) + len(excluded)
        return [*(Record(key, None) for key in sorted(obsolete)), *new, changelog.ledger_record(ledger)]

    def _segment_records(self, statistics: PartitionStatistics, ledger: Ledger) -> list[Record]:
        """Return the new segment, and have those deleted that it makes superfluous."""
        ledger.segment += 1
        number = ledger.segment
        new = changelog.segment_records(number, statistics.sessions.take_segment(number % BUCKETS, statistics.forget_before_ms))
        needed = range(number - BUCKETS, number)
        old = {key for key in self.segment_keys if changelog.segment_number(key) not in needed}
        self.obsolete_keys |= old
        self.segment_keys = (self.segment_keys | {record.key for record in new}) - old
        return new


def _page_records(statistics: PartitionStatistics) -> list[Record]:
    pages, size = statistics.pages, int(statistics.pages.size[0])
    rows = np.flatnonzero(pages.changed[:size])
    pages.changed[rows] = False
    return changelog.page_records([statistics.video_ids[video] for video in pages.video[rows].tolist()], pages.records(rows))


def _exclusion_keys(excluded: frozenset[Excluded]) -> set[bytes]:
    return {changelog.exclusion_record(who).key for who in excluded}
