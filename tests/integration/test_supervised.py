"""From labelled clips to scores that the worker shows."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams import clickhouse
from tests.integration.running import System
from tests.streams.extraction.videos import make_video

pytest.importorskip("torch", reason="the extra `training` is not installed")


def _clips(path: Path) -> Path:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 8)).astype(np.float32)
    table = {
        "video_id": [f"v{row // 10:03d}" for row in range(600)],
        "clip_index": np.arange(600) % 10,
        "category": ["sports"] * 600,
        "visual": pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), 8),
        "score": np.clip(5 + features[:, 0], 0, 10),
        "tags": [["goal"] if value > 0 else [] for value in features[:, 1]],
    }
    pq.write_table(pa.table(table), path)
    return path


def test_a_model_is_trained_and_its_scores_reach_the_feed(system: System, tmp_path: Path) -> None:
    """`train-supervised` makes a release, `score` sends it once, and rows in ClickHouse name it."""
    clips = str(_clips(tmp_path / "clips.parquet"))
    trained = system.run("train-supervised", clips, "--epochs", "3", "--json")
    assert trained.returncode == 0, trained.stderr
    manifest = json.loads(trained.stdout)
    assert manifest["counts"]["clips"] == 600
    cast = tmp_path / "cast.csv"
    cast.write_text("person,importance,video_id,clip_index\nAda,0.5,v007,3\nAda,1,nowhere,0\n")
    sent = [json.loads(system.run("score", clips, *more, "--json").stdout) for more in ((), (), ("--cast", str(cast)))]
    assert [(run["videos"], run["clips"], run["unchanged"]) for run in sent] == [(60, 600, 0), (60, 600, 60), (60, 600, 59)]
    loaded = [json.loads(system.run("cast", str(cast), "--json").stdout)]
    cast.write_text(cast.read_text().replace("0.5", "0.75"))
    loaded.append(json.loads(system.run("cast", str(cast), "--json").stdout))
    assert loaded == [{"videos": 1, "unchanged": unchanged, "unknown": 1} for unchanged in (1, 0)]
    system.start_worker()
    client = clickhouse.connect(system.settings.clickhouse)
    query = """
        SELECT countIf(supervised_score IS NOT NULL AND category = 'sports'),
            (SELECT countIf(model_version = %(release)s) FROM supervised_outputs FINAL),
            countIf(celebrity = 0.75 AND celebrity_bonus > 0)
        FROM highlights
    """

    def shown() -> bool:
        rows: list[tuple[int, int, int]] = client.query(query, {"release": manifest["release"]}).result_rows
        return rows == [(600, 600, 1)]

    system.eventually(shown, "600 clips scored by the model")


def test_a_model_is_trained_on_what_was_extracted_from_videos(system: System, tmp_path: Path) -> None:
    """`extract`, labels beside its clips, `train-supervised`, `score`; a video that cannot be read is told by the exit status."""
    pytest.importorskip("av", reason="the extra `extraction` is not installed")
    videos = [make_video(tmp_path / f"v{number}.mp4", 11, hertz=200 * (number + 1), pictures=False) for number in range(8)]
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    names, out = [str(path) for path in (*videos, broken)], tmp_path / "features"
    extracted = system.run("extract", *names, "--out", str(out), "--without", "visual", "--without", "audio", "--json")
    assert extracted.returncode == 1
    assert list(json.loads(extracted.stdout)["refused"]) == [str(broken)]
    clips, labelled = out / "clips.parquet", str(tmp_path / "labelled.parquet")
    table = pq.read_table(clips)
    pq.write_table(table.append_column("score", pa.array(np.arange(len(table)) % 10.0)), labelled)
    trained = system.run("train-supervised", labelled, "--epochs", "2", "--json")
    assert trained.returncode == 0, trained.stderr
    scored = system.run("score", str(clips), "--json")
    assert scored.returncode == 0, scored.stderr
    assert (json.loads(scored.stdout)["videos"], json.loads(scored.stdout)["clips"]) == (8, 16)


def test_what_is_wrong_with_a_file_is_one_line(system: System, tmp_path: Path) -> None:
    """A tag that the vocabulary does not name, and a model that is not there, each with the way out."""
    path = tmp_path / "clips.parquet"
    pq.write_table(pq.read_table(_clips(path)).set_column(5, "tags", pa.array([["gaol"]] * 600)), path)
    refused = system.run("train-supervised", str(path))
    assert refused.returncode == 1
    assert "'gaol', which the vocabulary does not name" in " ".join(refused.stderr.split())
    assert "make one with `highlights train-supervised FILE`" in " ".join(system.run("score", str(path)).stderr.split())
