"""Ranker releases in the state of a partition: whole or not at all."""

from collections.abc import Sequence

import pytest

from schemas.ranker import CURRENT_KEY
from streams.chunks import Chunk
from streams.state import PartitionState
from tests.scoring.logs import START_MS, message
from tests.scoring.oracle import Event
from tests.streams.world import Crash, Message, Moment, World, assert_same_state, chunk_of, known_rows, new_state

_OURS, _FOREIGN = "v1", "v3"
_Sent = tuple[bytes, bytes | None]


def _scores(release: str, scores: dict[int, float], video: str = _OURS) -> _Sent:
    clips = ",".join(f'{{"clip_index":{clip},"score_mean":{score},"score_sd":1}}' for clip, score in scores.items())
    value = f'{{"schema_version":1,"release":"{release}","video_id":"{video}","clips":[{clips}]}}'
    return f"{release}/{video}".encode(), value.encode()


def _current(release: str, videos: int = 1) -> _Sent:
    return CURRENT_KEY, f'{{"schema_version":1,"release":"{release}","videos":{videos}}}'.encode()


def _chunk(sent: Sequence[_Sent], first: int = 0) -> Chunk:
    messages = [Message(first + offset, START_MS, value) for offset, (_, value) in enumerate(sent)]
    return chunk_of(messages, "ranker-scores", [key for key, _ in sent])


def _state(*sent: _Sent) -> PartitionState:
    state = new_state()
    state.apply_ranker(_chunk(sent))
    return state


def _shown(state: PartitionState) -> dict[int, tuple[float | None, str]]:
    return {clip: (row["ranker_score"], row["ranker_release"]) for (_, clip), row in known_rows(state).items()}


def test_a_release_holds_when_it_is_complete() -> None:
    """Scores change nothing before the message that completes their release has come; then all hold at once."""
    staged = _state(_scores("r1", {0: 4, 40: 6}))
    assert not staged.is_touched
    assert _shown(staged) == {}
    assert _shown(_state(_scores("r1", {0: 4, 40: 6}), _current("r1"))) == {0: (4, "r1"), 40: (6, "r1")}


def test_a_newer_release_takes_the_place_of_all_of_the_older() -> None:
    """A clip that the newer release does not name has no ranker score any more."""
    sent = (_scores("r1", {0: 4, 40: 6}), _current("r1"), _scores("r2", {0: 5}), _current("r2"))
    assert _shown(_state(*sent)) == {0: (5, "r2")}


def test_scores_of_a_foreign_video_are_no_part_of_a_release() -> None:
    """They are a dead letter, and the release is complete without them."""
    state = _state(_scores("r1", {0: 4}), _scores("r1", {0: 9}, _FOREIGN), _current("r1"))
    assert _shown(state) == {0: (4, "r1")}
    assert [dict(letter.headers)["highlights.reason"] for letter in state.take_flush().dead_letters] == [b"wrong_partition"]


def test_an_incomplete_release_does_not_hold() -> None:
    """A release that lacks a message is refused with the numbers, and the one before goes on."""
    state = _state(_scores("r1", {0: 4}), _current("r1"), _scores("r2", {0: 5}), _current("r2", videos=2))
    assert _shown(state) == {0: (4, "r1")}
    (letter,) = state.take_flush().dead_letters
    assert b"of release r2 1 have come" in dict(letter.headers)["highlights.detail"]


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ((b"r1/v9", _scores("r1", {0: 4})[1]), b"RELEASE/VIDEO is expected"),
        ((b"r1/v1", b"{"), b"JSON"),
        (_scores("r1", {0: 4}, _FOREIGN), b"partition"),
    ],
)
def test_what_cannot_be_taken_is_a_dead_letter(sent: _Sent, detail: bytes) -> None:
    """A wrong key, a broken value and a video of another partition are dead letters that say so."""
    (letter,) = _state(sent).take_flush().dead_letters
    assert detail in dict(letter.headers)["highlights.detail"]


def test_every_known_clip_is_published_at_a_swap() -> None:
    """Rows name the release's offset, so that those of clips without a ranker score are published again, too."""
    state = new_state()
    play = Event(0, START_MS, "play", _OURS, "s1", START_MS, 0, 25_000)
    state.apply_interactions(chunk_of([Message(0, START_MS, message(play))]))
    before = {row["clip_index"]: row["version"] for row in state.take_flush().clip_scores.to_pylist()}
    state.apply_ranker(_chunk([_scores("r1", {0: 4}), _current("r1")]))
    after = {row["clip_index"]: row["version"] for row in state.take_flush().clip_scores.to_pylist()}
    assert before.keys() == after.keys() == {0, 1}
    assert all(after[clip] > before[clip] for clip in before)


@pytest.mark.parametrize("moment", Moment)
def test_a_worker_that_dies_in_the_middle_of_a_swap_comes_back_right(moment: Moment) -> None:
    """Whenever the flush of a swap is cut off, the recovered state and the rows are those of a run that nothing interrupted."""
    sent = [_scores("r1", {0: 4, 1: 3}), _current("r1"), _scores("r2", {0: 5, 70: 2}), _current("r2")]
    world = World([], [])
    world.state.apply_ranker(_chunk(sent[:3]))
    world.flush()
    world.state.apply_ranker(_chunk(sent[3:], first=3))
    world.crash_at = moment
    with pytest.raises(Crash):
        world.flush()
    world.restart()
    world.state.apply_ranker(_chunk(sent[world.state.ledger.ranker_offset + 1 :], first=world.state.ledger.ranker_offset + 1))
    world.flush()
    assert_same_state(world.state, _state(*sent))
    assert {clip: world.clip_scores[clip] for clip in known_rows(world.state)} == known_rows(world.state)
