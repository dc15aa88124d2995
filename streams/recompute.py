"""State computed anew from the topics: the batch truth that the audit compares with, and that a rebuild writes."""

from collections.abc import Callable

from schemas.errors import StateError
from schemas.exclusions import Excluded
from schemas.topics import FUSION_RELEASES, INTERACTIONS, RANKER_SCORES, SUPERVISED_SCORES
from streams.chunk_reading import read_chunks
from streams.kafka import topic_name
from streams.ledger import Ledger
from streams.settings import Settings
from streams.state import PartitionState
from streams.state_key import StateKey


def recompute(
    settings: Settings,
    partition: int,
    partitions: int,
    *,
    excluded: frozenset[Excluded] = frozenset(),
    first_offset: int = 0,
    until: Ledger | None = None,
    keep_supervised: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
) -> PartitionState:
    """Return the state of a partition, computed from its topics.

    Args:
        settings: all settings.
        partition, partitions: which one, and how many there are.
        excluded: whose interactions are passed over.
        first_offset: of the source.
        until: a ledger up to whose offsets it is computed; up to the topics' present ends when None.
        keep_supervised: whether what models say is to be published again by the first flush; that is kept in memory.
        progress: called with the number of messages of each chunk.

    Raises:
        StateError: the source does not hold any more what the state of `until` began with.
    """
    state = PartitionState(partition, partitions, StateKey.of(settings), excluded)
    catch_up(settings, state, first_offset=first_offset, until=until, keep_supervised=keep_supervised, progress=progress)
    return state


def catch_up(
    settings: Settings,
    state: PartitionState,
    *,
    first_offset: int = 0,
    until: Ledger | None = None,
    keep_supervised: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
) -> None:
    """Go on with the computation of a state, up to the offsets of another ledger; its dead letters are not to be sent.

    Raises:
        StateError: the source does not hold any more what the state of `until` began with.
    """
    supervised, source = topic_name(settings.kafka, SUPERVISED_SCORES), topic_name(settings.kafka, INTERACTIONS)
    _catch_up_ranker(settings, state, until)
    _catch_up_fusion(settings, state, until)
    last_supervised, last = (until.supervised_offset, until.applied_offset) if until else (None, None)
    for chunk in read_chunks(settings.kafka, supervised, state.partition, state.ledger.supervised_offset + 1, last_supervised):
        state.apply_supervised(chunk)
        state.forget_dead_letters()
        if not keep_supervised:
            state.forget_supervised()
    first = max(first_offset, state.ledger.applied_offset + 1)
    for chunk in read_chunks(settings.kafka, source, state.partition, first, last):
        state.apply_interactions(chunk)
        state.forget_dead_letters()
        _check_beginning(state, until)
        progress(len(chunk))
    _check_beginning(state, until)


def _catch_up_ranker(settings: Settings, state: PartitionState, until: Ledger | None) -> None:
    """Go on with the ranker's scores. The message that let a release hold may be gone by compaction, its scores are not."""
    topic, last = topic_name(settings.kafka, RANKER_SCORES), until.ranker_offset if until else None
    if last is not None and last <= state.ledger.ranker_offset:
        return
    for chunk in read_chunks(settings.kafka, topic, state.partition, state.ledger.ranker_offset + 1, last):
        state.apply_ranker(chunk)
    state.forget_dead_letters()
    if until and state.ledger.ranker_offset != until.ranker_offset:
        state.swap_ranker(until.ranker_release, until.ranker_offset)


def _catch_up_fusion(settings: Settings, state: PartitionState, until: Ledger | None) -> None:
    """Go on with the fusions. A message that a later one has replaced may be gone by compaction: the ledger has it whole."""
    topic, last = topic_name(settings.kafka, FUSION_RELEASES), until.fusion_offset if until else None
    if last is not None and last <= state.ledger.fusion_offset:
        return
    for chunk in read_chunks(settings.kafka, topic, state.partition, state.ledger.fusion_offset + 1, last):
        state.apply_fusion(chunk)
    state.forget_dead_letters()
    if until and state.ledger.fusion_offset != until.fusion_offset:
        state.swap_fusion(until.fusion, until.fusion_offset)


def _check_beginning(state: PartitionState, ledger: Ledger | None) -> None:
    """Check that a computation began where the state that it is compared with had begun."""
    if ledger and state.ledger.first_offset != ledger.first_offset:
        message = (
            f"partition {ledger.partition} of the source begins at offset {state.ledger.first_offset} now, its state at "
            f"{ledger.first_offset}: what retention has deleted cannot be computed again"
        )
        raise StateError(message)
