"""Two hundred drawn faults and more: whatever happens, each interaction counts once."""

from pathlib import Path

import pytest

from infra.embedded.stack import EmbeddedStack
from tests.chaos.campaign import Campaign

_LEAST_STRUCK = 0.2
"""Of the drawn sabotages. Half do on a machine that does nothing else, a third on one with a load of 12: see docs/chaos.md."""


def test_after_every_drawn_fault_state_and_scores_equal_the_batch_computation(
    stack: EmbeddedStack, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """After each round of a drawn campaign the audit finds no difference, and every message is accounted for."""
    seed, faults = request.config.getoption("--chaos-seed"), request.config.getoption("--chaos-faults")
    campaign = Campaign(stack, tmp_path, seed, faults)
    report = campaign.run()
    print(report.table())
    if folder := request.config.getoption("--chaos-report"):
        report.write(folder)
    assert campaign.forge.threads() == 1, "a fork may inherit a lock that nobody will ever release"
    assert not report.failures, report.complaints()
    assert report.count >= faults
    assert report.lacks == []
    assert report.struck > _LEAST_STRUCK
