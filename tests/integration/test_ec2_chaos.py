"""Fifty EC2 machines with jobs of all kinds and faults at random moments: each ends once, truly, and goes off.

``PADDOCK_CHAOS_SEED`` draws others. A failure names seed and number; what they stand for, `ec2_scenarios.draw` says.
"""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.agent.ec2_chaos import attempt
from tests.agent.ec2_machine import ec2
from tests.agent.ec2_oracle import wrongs
from tests.agent.zipapp import build

RUNS, AT_ONCE = int(os.environ.get("PADDOCK_CHAOS_RUNS", "50")), 6
SEED = int(os.environ.get("PADDOCK_CHAOS_SEED", "20261128"))


@pytest.mark.slow
def test_whatever_happens_a_machine_ends_once_truly_and_goes_off(tmp_path: Path) -> None:
    """No process, file or secret of a job is left, one end is told or kept, nothing untrue is said."""
    build(tmp_path / "agent.pyz")
    making = threading.Lock()
    with ec2(tmp_path, tmp_path / "agent.pyz") as cloud, ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(attempt, cloud, SEED, number, making) for number in range(RUNS)]
        broken = [
            f"seed {SEED}, run {number}: {error!r}" for number, run in enumerate(runs) if (error := run.exception())
        ]
    assert broken == []
    tried = [run.result() for run in runs]
    found = [f"seed {SEED}, {one}\n{complaints}" for one in tried if (complaints := wrongs(one.outcome))]
    assert found == [], "\n\n".join(found)
    assert len(tried) == RUNS
    ends = Counter(report.reason for one in tried for report in one.outcome.delivered if report.result is not None)
    assert len(ends) > 10, f"a chaos that shows little: {ends}"
