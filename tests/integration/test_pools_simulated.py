"""Pools as they are and as recommended, in the simulator itself."""

import attrs

from paddock.core.pools.pool import Bounds
from paddock.core.pools.schedule import Targets
from paddock.core.pools.standing import StandingChange, StandingIs
from paddock.core.units import DAY, HOUR
from paddock.core.usecases.pools.advice import AdvisePools
from paddock.core.usecases.pools.keep import aim_of
from paddock.entrypoints.cli.recommend_simulated import tried
from tests.world.pool_past import AUTO, NOW, Past


def test_a_pool_as_recommended_has_jobs_wait_less_than_without_any() -> None:
    """A job every two minutes in office hours, and no machine that is kept: a hot one is what they need."""
    pool = attrs.evolve(AUTO, auto=False, bounds=Bounds(), hot=0, stopped=0)
    past = Past(pool)
    past.table.pools.update(pool.name, StandingIs(), StandingChange(aim=aim_of(pool, NOW, "")))
    past.office_hours(1)
    advice = AdvisePools(table=past.table, clock=past.clock)(DAY + HOUR)
    (one,) = advice
    assert one.sizing is not None
    assert one.sizing.present.targets == Targets()
    found = tried(advice, None, 1)
    assert found is not None
    assert found.wrong == ""
    assert found.now.pools["web"].hot == 0
    assert found.now.pools["web"].overflow > 200
    assert found.recommended.pools["web"].hot > 200
    assert found.recommended.wait.total.p50 < found.now.wait.total.p50
