"""Supervised outputs in the state of a partition: what they replace, and what is published of them."""

from schemas.dead_letters import Reason
from streams.state import Flush
from tests.scoring.logs import LIMITS, START_MS, message
from tests.scoring.oracle import Event
from tests.streams.world import Message, World, chunk_of, known_rows, new_state

_OURS, _FOREIGN = "v1", "v3"


def _output(offset: int, scores: dict[int, float], video: str = _OURS) -> Message:
    clips = ",".join(f'{{"clip_index":{clip},"score_mean":{score},"score_sd":1}}' for clip, score in scores.items())
    value = f'{{"schema_version":1,"video_id":"{video}","model_version":"m","clips":[{clips}]}}'
    return Message(offset, START_MS, value.encode())


def _flushed(*outputs: Message) -> Flush:
    state = new_state()
    state.apply_supervised(chunk_of(outputs, "supervised-scores"))
    flush = state.take_flush()
    assert flush is not None
    return flush


def _scores(flush: Flush) -> dict[int, float | None]:
    return {row["clip_index"]: row["supervised_score"] for row in flush.clip_scores.to_pylist()}


def test_an_output_replaces_all_that_was_said_before() -> None:
    """A clip that the newer message does not name has no supervised score any more, on whichever page it lies."""
    assert _scores(_flushed(_output(0, {0: 1, 1: 2, 40: 3}), _output(1, {1: 5, 70: 6}))) == {0: None, 1: 5, 40: None, 70: 6}


def test_an_output_that_was_cached_before_is_skipped() -> None:
    """A message that is delivered again, after a newer one, changes nothing."""
    world = World([], [_output(0, {0: 1}), _output(1, {0: 2})])
    world.cache(2)
    world.cache(0, again=2)
    world.flush()
    assert [row["supervised_score"] for row in world.clip_scores.values()] == [2]


def test_a_clip_that_nobody_watched_is_published_with_its_supervised_score() -> None:
    """Its row has no behaviour, no event time, and no part of the prior."""
    (row,) = _flushed(_output(4, {2: 7.5})).clip_scores.to_pylist()
    assert (row["score"], row["exposures"], row["behaviour_score"], row["event_at"]) == (7.5, 0, None, None)
    assert (row["source_offset"], row["supervised_offset"], row["prior_offset"], row["version"]) == (-1, 4, 0, 5)


def test_a_fit_publishes_watched_clips_only() -> None:
    """A fit of the prior concerns no clip that nobody has watched, so those rows are neither changed nor sent again."""
    world = World([], [_output(0, dict.fromkeys(range(64), 5))])
    world.cache(1)
    event = Event(0, START_MS, "play", _OURS, "s", START_MS, 0, 10_000)
    world.state.apply_interactions(chunk_of([Message(0, START_MS, message(event))]))
    world.flush()
    world.state.refit(1 << 12)
    flush = world.state.take_flush()
    assert flush is not None
    assert list(_scores(flush)) == [0]
    assert known_rows(world.state).items() >= {clip: row for clip, row in world.clip_scores.items() if clip[1] != 0}.items()


def test_an_output_of_another_partition_s_video_goes_to_the_dead_letters() -> None:
    """Two partitions that publish rows of one clip would overwrite each other: a message under a wrong key is not cached."""
    flush = _flushed(_output(0, {0: 1}, _FOREIGN))
    assert flush.clip_scores.num_rows == flush.supervised.num_rows == 0
    (letter,) = flush.dead_letters
    assert dict(letter.headers)["highlights.reason"] == Reason.WRONG_PARTITION.encode()
    assert str(LIMITS.partition).encode() in dict(letter.headers)["highlights.detail"]


def test_the_prior_is_published_once_and_again_at_each_fit() -> None:
    """A flush carries the prior's rows only when they are new."""
    state = new_state()
    rows = []
    for turn in range(3):
        state.apply_supervised(chunk_of([_output(turn, {0: turn})], "supervised-scores"))
        if turn == 2:
            state.refit(1 << 12)
        flush = state.take_flush()
        assert flush is not None
        rows.append(sorted(set(flush.prior["prior_offset"].to_pylist())))
    assert rows == [[0], [], [1 << 12]]


def test_watched_clips_of_the_page_are_published_again_with_its_new_offset() -> None:
    """An output for a neighbour changes the supervised offset in the row of a watched clip, so that row is sent, too."""
    event = Event(0, START_MS, "play", _OURS, "s", START_MS, 0, 10_000)
    world = World([Message(0, START_MS, message(event))], [_output(0, {5: 1}), _output(1, {9: 2})])
    world.apply(1)
    world.flush()
    world.cache(2)
    world.flush()
    assert {clip: world.clip_scores[clip] for clip in known_rows(world.state)} == known_rows(world.state)
    assert world.clip_scores[_OURS, 0]["supervised_offset"] == 1


def test_a_message_without_a_value_withdraws_the_output() -> None:
    """After a tombstone nothing is known of the video's clips any more."""
    state = new_state()
    state.apply_supervised(chunk_of([_output(0, {0: 1, 40: 2})], "supervised-scores"))
    state.apply_supervised(chunk_of([Message(1, START_MS, None)], "supervised-scores", [_OURS.encode()]))
    flush = state.take_flush()
    assert flush is not None
    assert _scores(flush) == {0: None, 40: None}
    assert flush.dead_letters == []


def test_a_tombstone_without_a_key_goes_to_the_dead_letters() -> None:
    """Nobody knows which video it means."""
    state = new_state()
    state.apply_supervised(chunk_of([Message(0, START_MS, None)], "supervised-scores"))
    flush = state.take_flush()
    assert flush is not None
    assert len(flush.dead_letters) == 1
