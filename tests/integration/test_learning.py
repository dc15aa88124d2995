"""From behaviour to a release that holds, on the real servers."""

import json
import subprocess
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from schemas.topics import RANKER_SCORES, WEAK_PAIRS
from schemas.weak_pairs import WeakPairs
from streams.export.dataset import checksums
from streams.kafka import topic_name
from streams.learning.promote import finish
from streams.learning.ranker_topic import SCORE_COLUMNS, let_hold, stage_scores
from streams.learning.releases import Manifest, Releases
from streams.learning.snapshot import recover_all, snapshot_of
from streams.learning.weak_pairs import messages, pairs_of
from streams.reading import read
from streams.recompute import recompute
from tests.integration.running import System


def _releases_shown(system: System) -> dict[str, int]:
    query = "SELECT ranker_release, count() FROM fused_scores GROUP BY ALL"
    return dict(system.client.query(query).result_rows)


def _scores(system: System, score: float) -> pa.Table:
    """Return scores of all clips that have a row."""
    query = "SELECT video_id, clip_index FROM fused_scores ORDER BY ALL"
    clips = system.client.query_arrow(query, use_strings=True)
    values = [np.full(len(clips), value, np.float32) for value in (score, 1.0)]
    return pa.table([*clips.columns, *values], schema=SCORE_COLUMNS)


def _stage(system: System, release: str, score: float) -> list[int]:
    return stage_scores(system.settings, system.partitions, release, _scores(system, score))


def test_a_worker_killed_in_the_middle_of_a_swap_comes_back_right(system: System) -> None:
    """Killed with a release staged, and again while it swaps: all rows name the old release, then all the new one."""
    sent = system.send_simulated(20_000)
    worker = system.start_worker()
    system.wait_for(sent)
    let_hold(system.settings, "r1", _stage(system, "r1", 4.0))
    system.eventually(lambda: set(_releases_shown(system)) == {"r1"}, "r1 in all rows")
    staged = _stage(system, "r2", 6.0)
    sent += system.send_simulated(5_000, seed=2)
    system.wait_for(sent)
    worker.kill()
    worker.wait()
    assert set(_releases_shown(system)) <= {"r1", ""}
    system.assert_exact(sent)
    worker = system.start_worker()
    system.eventually(lambda: system.log.count("partitions ready") == 2, "a restart")
    let_hold(system.settings, "r2", staged)
    system.eventually(lambda: "r2" in _releases_shown(system), "a swap that has begun")
    worker.kill()
    worker.wait()
    system.start_worker()
    system.eventually(lambda: set(_releases_shown(system)) <= {"r2", ""}, "r2 in all rows")
    system.wait_for(sent)
    assert system.audit().differences == 0
    query = "SELECT count() FROM fused_scores WHERE ranker_release = 'r2' AND ranker_score != 6"
    assert system.client.query(query).result_rows == [(0,)]


def test_pairs_are_the_same_from_the_same_offsets(system: System) -> None:
    """A worker has them built; topic and table hold what the interactions up to the offsets that each names make, to the byte."""
    sent = system.send_simulated(40_000)
    system.start_worker(HIGHLIGHTS_LEARNING__PAIRS_INTERVAL_HOURS="0.0005")
    system.wait_for(sent)
    offsets = "arraySum(part -> part.1, JSONExtract(lineage, 'Array(Tuple(applied_offset Int64))'))"
    applied = f"SELECT count() FROM weak_pairs WHERE {offsets} = {sent - system.partitions}"
    system.eventually(lambda: system.client.query(applied).result_rows[0][0] > 0, "pairs of all interactions")
    system.kill_all()
    ledgers = [state.ledger for state in recover_all(system.settings, system.partitions)]
    states = [recompute(system.settings, ledger.partition, system.partitions, until=ledger) for ledger in ledgers]
    snapshot = snapshot_of(system.settings, states)
    expected = dict(messages(snapshot, pairs_of(snapshot)))
    topic = topic_name(system.settings.kafka, WEAK_PAIRS)
    sent = [
        (message.key().decode(), message.value())
        for partition in range(system.partitions)
        for batch in read(system.settings.kafka, topic, partition)
        for message in batch
    ]
    assert dict(sent) == expected
    pairs = sum(len(WeakPairs.model_validate_json(value).pairs.kind) for value in expected.values())
    assert pairs > 100
    assert system.run("pairs", "--json").returncode == 0
    assert system.client.query("SELECT count() FROM weak_pairs FINAL").result_rows == [(pairs,)]


def test_exports_hold_what_clickhouse_holds(system: System, tmp_path: Path) -> None:
    """Both data sets are verified, exported twice they are the same, and rows, left out or not, are those of the tables."""
    system.start_worker()
    system.wait_for(system.send_simulated(40_000))
    built = _json(system.run("pairs", "--json"))
    clips = system.client.query("SELECT count() FROM highlights").result_rows[0][0]
    for name, rows in (("weak-pairs", built["pairs"]), ("clips", clips)):
        folders = [tmp_path / f"{name}-{place}" for place in range(2)]
        found = [_json(system.run("export", name, "--out", str(folder), "--json")) for folder in folders]
        assert found[0] == found[1] == _json(system.run("export", name, "--out", str(folders[0]), "--verify", "--json"))
        assert sum(side["rows"] for side in found[0]["splits"].values()) + found[0]["left_out"] == rows
        assert checksums(folders[0]) == checksums(folders[1])
    sure = _json(system.run("export", "weak-pairs", "--min-confidence", "0.5", "--out", str(tmp_path / "sure"), "--json"))
    least = ds.dataset(tmp_path / "sure" / "data" / "train").to_table(["confidence"])["confidence"]
    assert pc.min(least).as_py() >= 0.5
    assert sure["facts"]["build"] == system.client.query("SELECT any(build) FROM weak_pairs").result_rows[0][0]
    early = system.run("export", "weak-pairs", "--until", "2001-01-01", "--out", str(tmp_path / "early"))
    assert "no weak pairs were built" in " ".join(early.stderr.split())
    system.client.command("DELETE FROM weak_pairs WHERE preferred_video = (SELECT any(preferred_video) FROM weak_pairs)")
    partial = system.run("export", "weak-pairs", "--out", str(tmp_path / "partial"))
    assert partial.returncode == 1
    assert "is being written" in " ".join(partial.stderr.split())
    assert not (tmp_path / "partial").exists()


def test_clips_of_a_time_can_be_exported(system: System, tmp_path: Path) -> None:
    """Those whose newest interaction is of that time, its end excluded, and no clip that nobody has watched."""
    system.start_worker()
    system.wait_for(system.send_simulated(20_000))
    query = "SELECT toUnixTimestamp64Milli(event_at) FROM highlights WHERE event_at IS NOT NULL ORDER BY event_at"
    times = [time for (time,) in system.client.query(query).result_rows]
    since, until = (times[len(times) * tenths // 10] // 1000 for tenths in (3, 6))  # options take whole seconds
    bounds = [f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}" for second in (since, until)]
    arguments = ("--since", bounds[0], "--until", bounds[1], "--out", str(tmp_path / "clips"), "--json")
    exported = _json(system.run("export", "clips", *arguments))
    wanted = sum(since * 1000 <= time < until * 1000 for time in times)
    assert sum(side["rows"] for side in exported["splits"].values()) == wanted > 0


def _json(done: subprocess.CompletedProcess[str]) -> object:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_behaviour_to_a_release_and_back(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """`retrain` makes a release that all rows name, or the gate refuses it; `releases` promotes, goes back, refuses damage."""
    pytest.importorskip("torch", reason="the extra `training` is not installed")
    sent = system.send_simulated(60_000)
    system.start_worker()
    system.wait_for(sent)
    first = _json(system.run("retrain", "--seed", "1", "--json"))
    assert first["accepted"], first
    system.eventually(lambda: first["release"] in _releases_shown(system), "the release in rows")
    system.assert_exact(sent)
    second = _refused(system, monkeypatch).model_dump()
    assert second["parent"] == first["release"]
    assert _json(system.run("releases", "promote", second["release"], "--json")) == {"current": second["release"]}
    system.eventually(lambda: set(_releases_shown(system)) <= {second["release"], ""}, "the second in all rows")
    assert _json(system.run("releases", "rollback", "--json")) == {"current": first["release"]}
    listed = _json(system.run("releases", "list", "--json"))
    assert [release["current"] for release in listed] == [True, False]
    shown = _json(system.run("releases", "show"))
    assert {part["partition"]: part["applied_offset"] + 1 for part in shown["lineage"]}.keys() == {0, 1}
    assert sum(part["applied_offset"] + 1 for part in shown["lineage"]) == sent
    system.eventually(lambda: set(_releases_shown(system)) <= {first["release"], ""}, "the first again")
    assert system.audit().differences == 0
    _die_in_the_middle(system, second["release"])
    system.eventually(lambda: len(set(_releases_shown(system)) - {""}) == 2, "two releases, one a partition")
    releases = Releases(system.settings.learning.folder(system.settings.data_dir))
    finish(system.settings, system.partitions, releases)
    system.eventually(lambda: set(_releases_shown(system)) <= {second["release"], ""}, "the second in all rows again")
    assert system.run("releases", "rollback").returncode == 0
    _damage(system.settings.data_dir / "releases" / second["release"] / "scores.parquet")
    refused = system.run("releases", "promote", second["release"])
    assert refused.returncode == 1
    assert "scores.parquet is damaged" in " ".join(refused.stderr.split())


def _refused(system: System, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Return what `retrain` makes when the gate refuses it: a release that is there, and that no worker hears of."""
    from streams.learning import retrain

    judge, releases = retrain.judge, Releases(system.settings.learning.folder(system.settings.data_dir))
    current, heard = releases.current, system.messages(RANKER_SCORES)
    with monkeypatch.context() as patched:
        patched.setattr(retrain, "judge", lambda *compared: replace(judge(*compared), accepted=False, reason="refused here"))
        made = retrain.retrain(system.settings, system.client, system.partitions, seed=2)
    assert (made.accepted, made.verdict) == (False, "refused here")
    assert (releases.current, system.messages(RANKER_SCORES)) == (current, heard)
    return made


def _die_in_the_middle(system: System, release: str) -> None:
    """Let a release hold in the first partition, and stop as a killed process does."""
    releases = Releases(system.settings.learning.folder(system.settings.data_dir))
    staged = stage_scores(system.settings, system.partitions, release, releases.scores(release))
    with suppress(KeyboardInterrupt), releases.holding(release):
        let_hold(system.settings, release, staged[:1])
        raise KeyboardInterrupt


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_without_behaviour_there_is_nothing_to_learn_from(system: System) -> None:
    """`retrain` on an empty system is one line that says so."""
    pytest.importorskip("torch", reason="the extra `training` is not installed")
    found = system.run("retrain")
    assert found.returncode == 1
    assert "nothing to learn from yet" in " ".join(found.stderr.split())
