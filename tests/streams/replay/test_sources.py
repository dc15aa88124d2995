"""What the sources of `highlights replay` yield."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from schemas.errors import ConfigurationError
from schemas.interactions import Interaction
from streams.adapters.adapter import EventSource
from streams.replay.adapted import AdaptedSource
from streams.replay.jsonl import JsonLinesSource
from streams.replay.simulate import SimulateSource
from streams.replay.source import UNKNOWN_TIME_MS
from streams.replay.tvsum import TvsumSource, read_tvsum
from tests.streams.adapters.samples import track

_START_MS = 1_790_000_000_000
_GOOD = b'{"schema_version":1,"kind":"play","video_id":"v1","session_id":"s","occurred_at_ms":1790000000000,"from_s":0,"to_s":9}'


def _simulated(events: int) -> SimulateSource:
    return SimulateSource(seed=3, events=events, start_ms=_START_MS, videos=100, batch_size=5_000)


def test_simulated_messages_carry_key_and_time() -> None:
    """Key and event time are those of the message."""
    for batch in _simulated(3_000).batches():
        for key, value, time in zip(batch.keys, batch.values, batch.event_times_ms.tolist(), strict=True):
            message = Interaction.model_validate_json(value)
            assert (message.video_id.encode(), message.occurred_at_ms) == (key, time)


def test_simulation_makes_about_as_many_events_as_expected() -> None:
    """The number asked for is met within 15 %."""
    source = _simulated(200_000)
    made = sum(len(batch.values) for batch in source.batches())
    assert source.expected_events == 200_000
    assert 170_000 < made < 230_000


def test_simulated_batches_start_again() -> None:
    """Each call yields the same messages from the first."""
    source = _simulated(3_000)
    assert [batch.values for batch in source.batches()] == [batch.values for batch in source.batches()]


def test_simulation_of_nothing_is_refused() -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match="events = 0"):
        _simulated(0)


def test_lines_pass_as_they_are(tmp_path: Path) -> None:
    """Every line is passed on byte for byte, valid or not, the empty one and the unfinished last one too."""
    lines = [_GOOD, b"", b"not json \xff", b'{"kind":"play"}\r', b"[1]", _GOOD[:40]]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines))
    batches = list(JsonLinesSource(path, batch_size=4).batches())
    assert [len(batch.values) for batch in batches] == [4, 2]
    assert [value for batch in batches for value in batch.values] == lines


def test_lines_tell_key_and_time_where_they_can(tmp_path: Path) -> None:
    """A line that is no valid interaction still gives what can be read of it."""
    path = tmp_path / "events.jsonl"
    lines = [_GOOD, b"{", b'{"video_id":"a b","occurred_at_ms":-5}', b'{"video_id":7,"occurred_at_ms":true}', b"null"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    (batch,) = JsonLinesSource(path).batches()
    assert batch.keys == [b"v1", None, b"a b", None, None]
    assert batch.event_times_ms.tolist() == [1_790_000_000_000, *[UNKNOWN_TIME_MS] * 4]


def _adapted(tmp_path: Path, *events: dict[str, Any]) -> list[bytes]:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, events)))
    source = AdaptedSource(EventSource.SEGMENT, path, idle_ms=20_000)
    return [value for batch in source.batches() for value in batch.values]


def test_a_player_that_was_silent_in_a_file_is_forgotten(tmp_path: Path) -> None:
    """A file does not tell when events were received; their own times do."""
    starts = track("Video Playback Started", 0, 0, content_asset_id="v")
    stops = track("Video Playback Paused", 40, 40, content_asset_id="v")
    between = track("Video Playback Paused", 30, 40, content_asset_id="another")
    assert len(_adapted(tmp_path, starts, stops)) == 1
    assert _adapted(tmp_path, starts, between, stops) == []


def test_an_event_of_a_batch_in_a_file_that_cannot_be_read_is_sent_alone(tmp_path: Path) -> None:
    """The others are interactions."""
    broken = track("Video Playback Paused", 5, 5)
    sitting = [track(f"Video Playback {name}", at, at, content_asset_id="v") for name, at in (("Started", 0), ("Paused", 9))]
    play, unread = _adapted(tmp_path, {"batch": [sitting[0], broken, sitting[1]]})
    assert Interaction.model_validate_json(play).to_s == 9
    assert unread == orjson.dumps(broken)


def test_lines_are_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path `-` stands for standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(_GOOD + b"\n")))
    (batch,) = JsonLinesSource(Path("-")).batches()
    assert batch.values == [_GOOD]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file and the way out."""
    with pytest.raises(ConfigurationError, match=r"none\.jsonl cannot be read .No such file or directory.: give"):
        JsonLinesSource(tmp_path / "none.jsonl")


def test_missing_data_is_named(tmp_path: Path) -> None:
    """The error names the file that --data should hold."""
    with pytest.raises(ConfigurationError, match=r"--data .*ydata-tvsum50\.mat"):
        TvsumSource(tmp_path, seed=1, start_ms=_START_MS)


@pytest.mark.parametrize("shape", [None, (3, 100)], ids=["no HDF5", "three annotators"])
def test_another_file_is_refused(tmp_path: Path, shape: tuple[int, int] | None) -> None:
    """A file that is not HDF5, or has other annotators, is named with what was expected."""
    h5py = pytest.importorskip("h5py", reason="the extra `data` is not installed")
    path = tmp_path / "tvsum" / "ydata-tvsum50.mat"
    path.parent.mkdir()
    if shape is None:
        path.write_bytes(b"something else")
    else:
        with h5py.File(path, "w") as file:
            for name, value in {"video": [[65]], "length": [[9.0]], "user_anno": np.ones(shape)}.items():
                file[f"values/{name}"] = np.array(value)
                references = file.create_dataset(f"tvsum50/{name}", (1, 1), dtype=h5py.ref_dtype)
                references[0, 0] = file[f"values/{name}"].ref
    with pytest.raises(ConfigurationError, match="is not the TVSum file"):
        read_tvsum(tmp_path)


def test_an_unknown_annotator_is_refused(tmp_path: Path) -> None:
    """There are twenty annotators, 0 to 19."""
    with pytest.raises(ConfigurationError, match=r"viewers = \[20\]"):
        TvsumSource(tmp_path, seed=1, start_ms=_START_MS, viewers=[20])


@pytest.fixture(scope="module")
def tvsum_dir(data_dir: Path) -> Path:
    """Return the data folder when it holds TVSum."""
    if not (data_dir / "tvsum").is_dir():
        pytest.skip(f"no TVSum below {data_dir}: give the folder with --data")
    return data_dir


def test_tvsum_is_read_as_published(tvsum_dir: Path) -> None:
    """There are 50 videos in 10 categories, with scores from 1 to 5 for each two seconds."""
    videos = read_tvsum(tvsum_dir)
    assert len(videos) == 50
    assert len({video.category for video in videos}) == 10
    for video in videos:
        assert video.scores.shape == (20, -(-video.length_ms // 2_000))
        assert 1.0 <= video.scores.min() <= video.scores.max() <= 5.0


def test_each_annotator_of_each_video_is_one_session(tvsum_dir: Path) -> None:
    """Chosen annotators and the viewers drawn around them each watch once, and what they do is valid."""
    source = TvsumSource(tvsum_dir, seed=1, start_ms=_START_MS, viewers=[0, 7], extra_viewers_per_annotator=2)
    messages = [Interaction.model_validate_json(value) for batch in source.batches() for value in batch.values]
    assert len({message.session_id for message in messages}) == 50 * 2 * 3


def test_annotators_share_what_they_like(tvsum_dir: Path) -> None:
    """What is shared has a higher mean score than its video, in nearly all videos."""
    source = TvsumSource(tvsum_dir, seed=1, start_ms=_START_MS)
    liked: dict[str, list[float]] = {video.video_id: [] for video in source.videos}
    curves = {video.video_id: video.scores.mean(axis=0) for video in source.videos}
    for batch in source.batches():
        for message in map(orjson.loads, batch.values):
            if message["kind"] == "share":
                name = message["video_id"]
                first, last = int(message["from_s"] // 2), int(message["to_s"] // 2)
                liked[name].append(curves[name][first : last + 1].mean() - curves[name].mean())
    assert np.mean([np.mean(gains) > 0 for gains in liked.values() if gains]) > 0.9
