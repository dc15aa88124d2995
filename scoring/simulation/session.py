"""One session: what a person does with a video, given what that person feels about each part of it.

The only session code there is: simulated viewers (`viewers`) and people whose own score curves are known (`curves`)
differ in where the felt curve comes from, not in how it becomes behaviour. Every few seconds the person looks at what was
just watched: a dull part is skipped, a good part may be watched again or shared, and at any time the person may leave. What
was watched is reported as play spans, by a heartbeat and before each seek.
"""

from typing import NamedTuple

import numpy as np

from schemas.compiled import compiled_counting, inlined
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.simulation.event_log import MOST_EVENTS_OF_A_SESSION, write


class Habits(NamedTuple):
    """How feelings (0-10) become actions: the highest chances of each action at one look, and when half of it is reached."""

    skip: float
    skip_below: float
    rewind: float
    rewind_above: float
    share: float
    share_above: float
    leave: float
    """Chance to leave at a look that is neither good nor bad; up to three times that where it is dull."""
    search: float
    """Chance to start a burst of seeks, whatever is felt."""


_SHORTEST_LOOK_MS, _LONGEST_LOOK_MS = 3_500, 6_500  # more than the dwell that makes a seek count, so a look confirms it
_SHORTEST_SPAN_MS = 1_000  # players do not report less
_STEEPNESS = 1.6
_MEMORY_MS = 45_000
_PATIENT_SCAN_MS = 90_000
_TAIL_MS = 8_000  # nobody seeks into the last seconds
_FADING = 0.7  # each rewind makes the next one in this video less likely
_LONGEST_ACT_MS = 30_000  # a burst, or cutting out a range
_SHORTEST_GAP_MS, _LONGEST_GAP_MS = 300, 2_500  # within a burst


@inlined
def _rises(feeling, middle):
    return 1.0 / (1.0 + np.exp(_STEEPNESS * (middle - feeling)))


@inlined
def _between(rng, low, high):
    return low + np.int64(rng.random() * (high - low))


@inlined
def _cell_at(position_ms, cell_ms, cells):
    return min(max(position_ms, 0) // cell_ms, cells - 1)


@inlined
def _report_span(log, sitting, at_ms, from_ms, to_ms):
    if to_ms - from_ms >= _SHORTEST_SPAN_MS:
        write(log, sitting, PLAY, at_ms, from_ms, to_ms)


@inlined
def _seek(log, sitting, at_ms, from_ms, to_ms):
    if to_ms != from_ms:
        write(log, sitting, FAST_FORWARD if to_ms > from_ms else REWIND, at_ms, from_ms, to_ms)


@compiled_counting
def _best_of_memory(felt, cell_ms, position_ms):
    """Return the most liked cell of the last `_MEMORY_MS`, the latest of equals."""
    best = _cell_at(position_ms - _SHORTEST_LOOK_MS, cell_ms, len(felt))
    earliest = _cell_at(position_ms - _MEMORY_MS, cell_ms, len(felt))
    for cell in range(best - 1, earliest - 1, -1):
        if felt[cell] > felt[best]:
            best = cell
    return best


@compiled_counting
def _rewind_target(rng, felt, cell_ms, position_ms):
    """Return the start of what was liked, more or less; at times only a few seconds back, to hear a word again."""
    if rng.random() < 0.1:
        return max(position_ms - _between(rng, 4_000, 15_000), 0)
    best = _best_of_memory(felt, cell_ms, position_ms)
    return max(min(best * cell_ms + _between(rng, 0, cell_ms // 3 + 1), position_ms - 2_000), 0)


@compiled_counting
def _skip_target(rng, felt, cell_ms, position_ms, habits):
    """Return where the dull part ends, for who looks at the preview pictures, or some way ahead."""
    if rng.random() < 0.6:
        for cell in range(position_ms // cell_ms + 1, _cell_at(position_ms + _PATIENT_SCAN_MS, cell_ms, len(felt)) + 1):
            if felt[cell] > habits.skip_below + 1.0:
                return max(cell * cell_ms - _between(rng, 0, 2_000), position_ms + 2_000)
    return position_ms + 10_000 + np.int64(rng.exponential(15_000.0))


@compiled_counting
def _share_range(rng, felt, cell_ms, position_ms, length_ms):
    """Return (from, to) around the best moment of late: as far as it is nearly as good, with unsteady edges."""
    peak = _best_of_memory(felt, cell_ms, position_ms)
    first = last = peak
    while first > 0 and (last - first + 2) * cell_ms <= _MEMORY_MS and felt[first - 1] > felt[peak] - 1.5:
        first -= 1
    seen = _cell_at(position_ms, cell_ms, len(felt))
    while last < seen and (last - first + 2) * cell_ms <= _MEMORY_MS and felt[last + 1] > felt[peak] - 1.5:
        last += 1
    to_ms = min((last + 1) * cell_ms + _between(rng, -1_500, 1_500), length_ms)
    from_ms = max(min(first * cell_ms + _between(rng, -1_500, 1_500), to_ms - 2_000), 0)
    return from_ms, max(to_ms, from_ms + 1)


@compiled_counting
def _search(rng, length_ms, log, sitting, at_ms, position_ms):
    """Seek about in a burst; returns the clock and the position where watching goes on."""
    for _ in range(_between(rng, 3, 8)):
        target_ms = _between(rng, 0, max(length_ms - _TAIL_MS, 1))
        _seek(log, sitting, at_ms, position_ms, target_ms)
        gap_ms = _between(rng, _SHORTEST_GAP_MS, _LONGEST_GAP_MS)
        at_ms += gap_ms
        position_ms = min(target_ms + gap_ms, length_ms)
        _report_span(log, sitting, at_ms, target_ms, position_ms)
    target_ms = _between(rng, 0, max(length_ms - _TAIL_MS, 1))
    _seek(log, sitting, at_ms, position_ms, target_ms)
    return at_ms, target_ms


@compiled_counting
def watch(rng, felt, cell_ms, length_ms, habits, heartbeat_ms, start_ms, end_ms, entry_ms, sitting, log):
    """Watch one video once.

    Args:
        rng: numpy Generator.
        felt: float[cells], what the person feels about each `cell_ms` of the video, 0-10.
        cell_ms: length of a cell.
        length_ms: length of the video, within the cells.
        habits: Habits of the person.
        heartbeat_ms: a span watched without a seek is reported this often.
        start_ms, end_ms: Unix ms at which watching begins, and after which nothing happens any more.
        entry_ms: position at which watching begins.
        sitting: Sitting that the events belong to.
        log: EventLog, is given the events in order of event time.

    Returns:
        Unix ms at which the person is done.
    """
    at, position, span = start_ms, entry_ms, entry_ms
    eagerness = 1.0
    last_row = log.size[0] + MOST_EVENTS_OF_A_SESSION // 4
    while position < length_ms and log.size[0] < last_row:
        step = min(_between(rng, _SHORTEST_LOOK_MS, _LONGEST_LOOK_MS), length_ms - position)
        if at + step > end_ms - _LONGEST_ACT_MS:
            break
        at += step
        position += step
        feeling = felt[_cell_at(position - 1, cell_ms, len(felt))]
        if position - span >= heartbeat_ms:
            write(log, sitting, PLAY, at, span, position)
            span = position
        dullness = 1.0 - _rises(feeling, habits.skip_below)
        share = habits.share * _rises(feeling, habits.share_above)
        rewind = share + eagerness * habits.rewind * _rises(feeling, habits.rewind_above)
        skip = rewind + habits.skip * dullness
        search = skip + habits.search
        leave = search + habits.leave * (1.0 + 2.0 * dullness)
        draw = rng.random()
        if draw < share:
            from_ms, to_ms = _share_range(rng, felt, cell_ms, position, length_ms)
            at += _between(rng, 2_000, 6_000)  # paused, to cut the range out
            write(log, sitting, SHARE, at, from_ms, to_ms)
        elif draw < rewind:
            target = _rewind_target(rng, felt, cell_ms, position)
            _report_span(log, sitting, at, span, position)
            _seek(log, sitting, at, position, target)
            span = position = target
            eagerness *= _FADING
        elif draw < skip:
            target = _skip_target(rng, felt, cell_ms, position, habits)
            if target > length_ms - _TAIL_MS:
                break
            _report_span(log, sitting, at, span, position)
            _seek(log, sitting, at, position, target)
            span = position = target
        elif draw < search:
            _report_span(log, sitting, at, span, position)
            at, position = _search(rng, length_ms, log, sitting, at, position)
            span = position
        elif draw < leave:
            break
    _report_span(log, sitting, at, span, position)
    return at


@compiled_counting
def spam(rng, length_ms, start_ms, end_ms, sitting, log):
    """Share ranges of one video anywhere in it, faster than any person: a machine."""
    at = start_ms
    for _ in range(_between(rng, 10, 60)):
        from_ms = _between(rng, 0, length_ms - 1)
        at = min(at + _between(rng, 20, 300), end_ms)
        write(log, sitting, SHARE, at, from_ms, min(from_ms + _between(rng, 2_000, 30_000), length_ms))
