"""Learned fusions on the real servers: swapped to while workers live, and die."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import rankdata

from schemas.clickhouse import SIGNAL_POINTS
from schemas.topics import FUSION_RELEASES
from scoring.fusion import FUSION_VERSION
from scoring.learned_fusion.live import numbers_of
from streams.learning import retrain_fusion
from streams.learning.fusion_releases import FusionReleases
from streams.learning.fusion_topic import BUILT_IN, publish_fusion
from tests.integration.running import System
from tests.scoring.learned_fusion.worlds import learned


def _shown(system: System) -> set[str]:
    return {version for (version,) in system.client.query("SELECT DISTINCT fusion_version FROM fused_scores").result_rows}


def _let_hold(system: System, release: str, seed: int) -> None:
    publish_fusion(system.settings, system.partitions, release, numbers_of(learned(seed)))


def test_a_worker_killed_in_the_middle_of_a_swap_comes_back_right(system: System) -> None:
    """Killed as it swaps: all rows name the new fusion in the end, and the audit computes the same with it."""
    sent = system.send_simulated(20_000)
    worker = system.start_worker()
    system.wait_for(sent)
    assert _shown(system) == {FUSION_VERSION}
    _let_hold(system, "f1", seed=0)
    system.eventually(lambda: _shown(system) == {"f1"}, "f1 in all rows")
    assert system.audit().differences == 0
    sent += system.send_simulated(5_000, seed=2)
    _let_hold(system, "f2", seed=1)
    system.eventually(lambda: "f2" in _shown(system), "a swap that has begun")
    worker.kill()
    worker.wait()
    system.start_worker()
    system.eventually(lambda: _shown(system) == {"f2"}, "f2 in all rows")
    system.assert_exact(sent)


def test_the_built_in_fusion_can_be_gone_back_to(system: System) -> None:
    """Its scores are those that there were before any release, under versions that are later."""
    sent = system.send_simulated(10_000)
    system.start_worker()
    system.wait_for(sent)
    query = "SELECT video_id, clip_index, score, worth, score_low, score_high FROM fused_scores ORDER BY ALL"
    before = system.client.query(query).result_rows
    _let_hold(system, "f1", seed=0)
    system.eventually(lambda: _shown(system) == {"f1"}, "f1 in all rows")
    assert system.client.query(query).result_rows != before
    publish_fusion(system.settings, system.partitions, BUILT_IN, None)
    system.eventually(lambda: _shown(system) == {FUSION_VERSION}, "the built-in in all rows")
    assert system.client.query(query).result_rows == before
    assert system.audit().differences == 0
    untold = ", ".join(f"{name} = NULL" for name in SIGNAL_POINTS)
    system.client.command(f"ALTER TABLE clip_scores UPDATE {untold} WHERE 1 SETTINGS mutations_sync = 1")
    assert system.audit().differences == 0, "rows of a version that did not tell what signals add are not wrong"


def _label(system: System, path: Path) -> Path:
    """Write the true appeal of all clips of the simulated library, spread evenly over 0-10."""
    library = system.source(1).library
    score = 10 * rankdata(library.appeal) / len(library.appeal)
    clips = [(video, range(*library.clips(video).indices(len(score)))) for video in range(len(library.video_ids))]
    table = {
        "video_id": [library.video_ids[video] for video, rows in clips for _ in rows],
        "clip_index": [clip for _, rows in clips for clip in range(len(rows))],
        "score": pa.array(score.astype(np.float32)),
    }
    pq.write_table(pa.table(table), path)
    return path


def _explains_what_signals_add(system: System) -> None:
    """Check that a watched clip's explanation names each signal's points, and that they add up to its score."""
    query = "SELECT clip_id, score FROM highlights WHERE exposures > 0 AND score BETWEEN 1 AND 9 LIMIT 1"
    ((clip_id, score),) = system.client.query(query).result_rows
    points = json.loads(system.run("explain", clip_id, "--json").stdout)["points"]
    assert list(points) == ["without_signals", "supervised", "ranker", "share", "rewind", "fast_forward", "celebrity"]
    assert points["share"] is not None
    assert abs(sum(value or 0 for value in points.values()) - score) < 1e-4


def _refuses(system: System, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a fusion which the gate refuses is there, and that what holds goes on to hold."""
    judge, releases = retrain_fusion.judge_fusion, FusionReleases(system.settings)
    holds, heard = releases.holds, system.messages(FUSION_RELEASES)
    monkeypatch.setattr(retrain_fusion, "judge_fusion", lambda *judged: replace(judge(*judged), accepted=False))
    made = retrain_fusion.retrain_fusion(system.settings, system.partitions, labels, seed=1)
    assert releases.fusion(made.release) is not None
    assert (releases.holds, system.messages(FUSION_RELEASES)) == (holds, heard)


def test_from_labels_to_a_fusion_that_holds_and_back(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learned, let through or refused by the gate, promoted whatever it said, and rolled back to the built-in one."""
    system.settings.learning.releases_dir = tmp_path / "releases"
    labels = _label(system, tmp_path / "l.parquet")
    sent = system.send_simulated(20_000)
    system.start_worker()
    system.wait_for(sent)
    made = system.run("retrain", "--fusion", "--labels", str(labels), "--json")
    assert made.returncode == 0, made.stderr
    manifest = json.loads(made.stdout)
    assert manifest["counts"]["held_out_pairs"] >= 50
    assert set(manifest["metrics"]) >= {"the built-in fusion"}
    promoted = system.run("releases", "promote", manifest["release"], "--kind", "fusion")
    assert promoted.returncode == 0, promoted.stderr
    system.eventually(lambda: _shown(system) == {manifest["release"]}, "the release in all rows")
    assert system.audit().differences == 0
    _explains_what_signals_add(system)
    _refuses(system, labels, monkeypatch)
    assert system.run("releases", "rollback", "--kind", "fusion").returncode == 0
    system.eventually(lambda: _shown(system) == {FUSION_VERSION}, "the built-in in all rows")
    assert system.run("retrain", "--fusion").returncode != 0
