"""Learned fusions on the real servers: swapped to while workers live, and die."""

from scoring.fusion import FUSION_VERSION
from scoring.learned_fusion.live import numbers_of
from streams.learning.fusion_topic import BUILT_IN, publish_fusion
from tests.integration.running import System, eventually
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
    eventually(lambda: _shown(system) == {"f1"}, f"f1 in all rows; {system.log}")
    assert system.audit().differences == 0
    sent += system.send_simulated(5_000, seed=2)
    _let_hold(system, "f2", seed=1)
    eventually(lambda: "f2" in _shown(system), f"a swap that has begun; {system.log}")
    worker.kill()
    worker.wait()
    system.start_worker()
    eventually(lambda: _shown(system) == {"f2"}, f"f2 in all rows; {system.log}")
    system.assert_exact(sent)


def test_the_built_in_fusion_can_be_gone_back_to(system: System) -> None:
    """Its scores are those that there were before any release, under versions that are later."""
    sent = system.send_simulated(10_000)
    system.start_worker()
    system.wait_for(sent)
    query = "SELECT video_id, clip_index, score, worth, score_low, score_high FROM fused_scores ORDER BY ALL"
    before = system.client.query(query).result_rows
    _let_hold(system, "f1", seed=0)
    eventually(lambda: _shown(system) == {"f1"}, f"f1 in all rows; {system.log}")
    assert system.client.query(query).result_rows != before
    publish_fusion(system.settings, system.partitions, BUILT_IN, None)
    eventually(lambda: _shown(system) == {FUSION_VERSION}, f"the built-in in all rows; {system.log}")
    assert system.client.query(query).result_rows == before
    assert system.audit().differences == 0
