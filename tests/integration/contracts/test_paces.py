"""The shared pace on every table: takers in threads never take more than there is."""

from pathlib import Path

import pytest

from paddock.adapters.memory import ManualClock
from paddock.adapters.pacing import Purse
from paddock.adapters.pacing.ceilings import Ceiling
from paddock.core.errors import Conflict, Throttled
from paddock.core.pace import PACE, Bucket, Pace, PaceChange, PaceIs, Window
from paddock.core.records import PACES
from paddock.core.units import MINUTE, SECOND
from tests.integration.contracts.records_adapters import PARAMETERS, OpenRecords
from tests.strategies import NOON
from tests.threads import race

TAKERS = 3
NOTHING = Bucket(1, MINUTE)
CEILINGS = {
    "bucket": Ceiling(Bucket(20, SECOND), NOTHING, SECOND),
    "window": Ceiling(Window(20, MINUTE, SECOND), NOTHING, SECOND),
}


@pytest.mark.parametrize("adapter", PARAMETERS)
def test_a_change_is_made_on_the_state_that_was_seen_alone(adapter: OpenRecords, tmp_path: Path) -> None:
    """The second of two writers that have seen the same state is told what stands there now."""
    with adapter(PACES, tmp_path) as records:
        assert records.add(Pace())
        change = PaceChange(version=1, used={"x/acme": (5, 7)}, lines={"x/acme": NOON})
        assert records.update(PACE, PaceIs(version=0), change) == Pace(PACE, 1, {"x/acme": (5, 7)}, {"x/acme": NOON})
        with pytest.raises(Conflict) as refused:
            records.update(PACE, PaceIs(version=0), PaceChange(version=1, used={}))
        assert refused.value.current == records.get(PACE)


@pytest.mark.parametrize("what", sorted(CEILINGS))
@pytest.mark.parametrize("adapter", PARAMETERS)
def test_takers_at_once_take_no_more_than_there_is(adapter: OpenRecords, what: str, tmp_path: Path) -> None:
    """Three processes want twelve each of twenty (and have one each of their own): they have twenty-three."""
    clock = ManualClock(NOON)
    with adapter(PACES, tmp_path) as records:

        def take(_: int) -> int:
            purse, had = Purse(records, CEILINGS, clock), 0
            for _ in range(12):
                for _ in range(50):  # the table may be busy, which says nothing of the limit
                    try:
                        purse.spend(what)
                    except Throttled as error:
                        if not str(error).startswith("pace:"):
                            break
                    else:
                        had += 1
                        break
            return had

        assert sum(race(TAKERS, take)) == 20 + TAKERS
