"""From moments to interactions: what was watched between two moments of a player, and where it was moved.

Only players that are open (they play, or are being moved) are remembered, and no more than a number and a time allow. So the
state at any place in a stream can be made again from the first moment of the player that has been open longest.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from schemas.interactions import Interaction
from streams.adapters.moment import Change, Moment

MAX_OPEN: Final = 200_000
"""Players; beyond, the one that was silent longest is forgotten."""
_FASTEST: Final = 4.0
"""Times normal speed. What would have to play faster was not watched: a jump that nobody told of lies between."""
_SLACK_S: Final = 2.0
"""Tolerance of positions and clocks."""
_LONGEST_GUESS_S: Final = 600.0
"""How long a player that says nothing may be taken to play on: after longer silence it may have slept."""


@dataclass(slots=True)
class _Player:
    offset: int
    """Of the first moment since it is open."""
    time_ms: int
    received_ms: int
    since_s: float | None = None
    """Where what plays began; None while it does not play."""
    left_s: float | None = None
    """Where it was moved away from, until it lands."""
    waits_s: float | None = None
    """Where it had come to when it began to wait for data, until it says more."""
    stretches: tuple[tuple[float | None, float], ...] = ()
    """Those that the newest event said were watched."""


class Spans:
    """Open players, and the interactions that their moments make."""

    def __init__(self, idle_ms: int, max_open: int = MAX_OPEN) -> None:
        """Start without players.

        Args:
            idle_ms: a player of which nothing was received for longer is forgotten.
            max_open: players that are remembered.
        """
        self._idle_ms = idle_ms
        self._max_open = max_open
        self._players: OrderedDict[tuple[str, str], _Player] = OrderedDict()
        self._newest_ms = 0

    @property
    def first_offset(self) -> int | None:
        """The offset from which the open players can be made again; None when there are none."""
        return min((player.offset for player in self._players.values()), default=None)

    def apply(self, moments: Sequence[Moment], offset: int = 0, received_ms: int | None = None) -> list[Interaction]:
        """Return the interactions that an event makes, in order. One that is refused leaves its player as it was.

        Args:
            moments: what the next event of the stream says, at least one, all of one player and one time.
            offset: its place in the stream.
            received_ms: when it was received. That is no player's clock, of which one that is ahead would age all others. When
                None, as in a file, it is the newest time of the events so far.

        Raises:
            ValueError: positions or time are out of the range that interactions have.
        """
        first = moments[0]
        received_ms = max(self._newest_ms, first.time_ms) if received_ms is None else received_ms
        key, stretches = (first.session_id, first.video_id), _stretches(moments)
        known = self._players.get(key)
        if known and stretches and (known.time_ms, known.stretches) == (first.time_ms, stretches):
            return []  # the same event, sent twice
        player = replace(known) if known else _Player(offset, first.time_ms, received_ms)
        made = [interaction for moment in moments for interaction in _step(player, moment)]
        player.time_ms, player.received_ms, player.stretches = first.time_ms, received_ms, stretches
        self._players.pop(key, None)
        if (player.since_s, player.left_s, player.waits_s) != (None, None, None):
            self._players[key] = player
        self._newest_ms = max(self._newest_ms, received_ms)
        self._forget()
        return made

    def _forget(self) -> None:
        while self._players:
            silent_longest = next(iter(self._players.values()))
            if len(self._players) <= self._max_open and silent_longest.received_ms >= self._newest_ms - self._idle_ms:
                return
            self._players.popitem(last=False)


def _stretches(moments: Sequence[Moment]) -> tuple[tuple[float | None, float], ...]:
    return tuple((moment.from_s, moment.at_s) for moment in moments if moment.change is Change.WATCHED)


def _step(player: _Player, moment: Moment) -> Iterator[Interaction]:
    """Yield what a moment makes, and move the player on."""
    at = moment.at_s
    start = at if moment.from_s is None else moment.from_s
    waited_s, player.waits_s = player.waits_s, None
    match moment.change:
        case Change.PLAYS:
            yield from _watched(player, moment, at)
            player.since_s = at
        case Change.WAITS if player.left_s is None:
            player.waits_s = _come_to(player, moment)
            yield from _watched(player, moment, at if player.waits_s is None else player.waits_s)
            player.since_s = None
        case Change.STOPS | Change.WAITS:
            yield from _watched(player, moment, at)
            player.since_s = None
        case Change.ENDS:
            yield from _watched(player, moment, at)
            player.since_s = player.left_s = None
        case Change.JUMPS:
            yield from _watched(player, moment, start)
            yield from _interaction(moment, start, at)
            player.since_s = None if player.since_s is None else at
        case Change.LEAVES if player.left_s is None:
            yield from _watched(player, moment, at)
            player.left_s = at
        case Change.LANDS if player.left_s is not None:
            yield from _interaction(moment, player.left_s, at)
            player.since_s, player.left_s = None if player.since_s is None else at, None
        case Change.LANDS if waited_s is not None:
            yield from _interaction(moment, waited_s, at)
            player.waits_s = at
        case Change.LANDS if player.since_s is not None:
            left_s = _come_to(player, moment)
            if left_s is not None:
                yield from _watched(player, moment, left_s)
                yield from _interaction(moment, left_s, at)
            player.since_s = at
        case Change.WATCHED:
            if player.since_s is not None and abs(start - player.since_s) > _SLACK_S:
                yield from _interaction(moment, player.since_s, start)
            yield from _interaction(moment, start, at, is_play=True)
            player.since_s = at


def _watched(player: _Player, moment: Moment, until_s: float) -> Iterator[Interaction]:
    """Yield what has played up to a moment, if it can have been played in the time."""
    if player.since_s is None or player.left_s is not None:
        return
    if 0.0 < until_s - player.since_s <= _passed_s(player, moment) * _FASTEST + _SLACK_S:
        yield from _interaction(moment, player.since_s, until_s, is_play=True)


def _come_to(player: _Player, moment: Moment) -> float | None:
    """Return where playing has come to, by the time that has passed; None where nothing plays, or nobody can tell.

    It is where the player says that it is now, if that can be: then nobody has moved it.
    """
    passed_s = _passed_s(player, moment)
    if player.since_s is None or not 0.0 <= passed_s <= _LONGEST_GUESS_S:
        return None
    come_to_s = player.since_s + passed_s * moment.speed
    return moment.at_s if abs(moment.at_s - come_to_s) <= _SLACK_S else come_to_s


def _passed_s(player: _Player, moment: Moment) -> float:
    """Return the time since the player's last event, on its own clock."""
    return (moment.time_ms - player.time_ms) / 1000.0


def _interaction(moment: Moment, from_s: float, to_s: float, *, is_play: bool = False) -> Iterator[Interaction]:
    """Yield an interaction, unless it covers no millisecond."""
    if round(from_s * 1000.0) != round(to_s * 1000.0):
        yield Interaction(
            schema_version=1,
            kind="play" if is_play else "rewind" if to_s < from_s else "fast_forward",
            video_id=moment.video_id,
            session_id=moment.session_id,
            viewer_id=moment.viewer_id,
            occurred_at_ms=moment.time_ms,
            from_s=from_s,
            to_s=to_s,
        )
