"""Dead letters on the real servers: what can be sent again is, whatever lies beside it."""

from schemas.topics import DEAD_LETTERS
from streams.dead_letters import Replayed, read, replay
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
