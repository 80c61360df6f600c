"""What every cloud promises, held against each adapter. A real one needs time to change: the suite lets it settle."""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from paddock.core.errors import TokenReused
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import LaunchRequest, Machine, MachineState
from paddock.core.spec import Market, Offer
from tests.integration.contracts.machines_adapters import ADAPTERS, DIFFERENCES, SLOW_ADAPTERS, MachinesUnderTest
from tests.threads import race

UNKNOWN = "i-00000000000000404"


@pytest.fixture(params=[*ADAPTERS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_ADAPTERS)])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MachinesUnderTest]:
    """A cloud without machines."""
    name: str = request.param
    reason = DIFFERENCES.get(name, {}).get(request.function.__name__)
    with {**ADAPTERS, **SLOW_ADAPTERS}[name](tmp_path) as opened:
        if reason is not None:
            request.applymarker(
                pytest.mark.xfail(reason=reason, strict=True, raises=(AssertionError, pytest.fail.Exception))
            )
        yield opened


def asked(cloud: MachinesUnderTest, token: str, count: int = 1) -> LaunchRequest:
    return attrs.evolve(cloud.fits, token=token, count=count)


def ids(machines: tuple[Machine, ...]) -> list[str]:
    return [machine.id for machine in machines]


def everything(cloud: MachinesUnderTest) -> list[str]:
    """The ids on all pages."""
    found: list[str] = []
    cursor = None
    while True:
        page = cloud.machines.page(cursor=cursor)
        found += ids(page.items)
        assert page.cursor is None or page.cursor != cursor, "the listing turns in circles"
        cursor = page.cursor
        if cursor is None:
            return found


def test_a_launch_starts_as_many_machines_as_asked_for(cloud: MachinesUnderTest) -> None:
    """Each has its own id, says under which token it was launched, and is what was asked for."""
    outcome = cloud.machines.launch(asked(cloud, "t-1", 2))
    assert outcome.errors == ()
    assert not outcome.permanent
    assert len(set(ids(outcome.machines))) == 2
    for machine in outcome.machines:
        assert machine.alive
        assert machine.token == "t-1"
        assert machine.arch is cloud.fits.spec.arch
        assert machine.market is cloud.fits.market


@pytest.mark.parametrize(
    ("token", "count", "told"),
    [("", 1, "token = ''"), ("t" * 65, 1, "1 to 64 ASCII"), ("t-\u00e9", 1, "ASCII"), ("t-1", 0, "count = 0")],
)
def test_what_ec2_would_not_take_is_refused(cloud: MachinesUnderTest, token: str, count: int, told: str) -> None:
    """Before anything is started: a token of EC2's kind, and one machine at least."""
    with pytest.raises(ValueError, match=re.escape(told)):
        cloud.machines.launch(asked(cloud, token, count))
    assert everything(cloud) == []


def test_launched_machines_come_to_run(cloud: MachinesUnderTest) -> None:
    """Once things have settled they are described as running, each under its id, with the facts of its launch."""
    outcome = cloud.machines.launch(asked(cloud, "t-1", 2))
    cloud.settle()
    found = dict(cloud.machines.describe(ids(outcome.machines)))
    for machine in outcome.machines:
        started = found[machine.id].launched_at
        assert abs(started - machine.launched_at) <= cloud.vague
        assert found.pop(machine.id) == attrs.evolve(machine, state=MachineState.RUNNING, launched_at=started)
    assert found == {}


@pytest.mark.parametrize("stock", Stock)
def test_machines_of_a_pool_are_launched_like_others(cloud: MachinesUnderTest, stock: Stock) -> None:
    """Whatever they are kept as: to the cloud they are machines."""
    request = attrs.evolve(asked(cloud, "t-1"), market=Market.ON_DEMAND, stock=stock)
    (machine,) = cloud.machines.launch(request).machines
    assert (machine.token, machine.market) == ("t-1", Market.ON_DEMAND)
    cloud.settle()
    assert cloud.machines.describe([machine.id])[machine.id].state is MachineState.RUNNING


def test_a_token_for_another_purpose_is_reused(cloud: MachinesUnderTest) -> None:
    """A machine that was launched for a job is not handed out as a spare, nor the other way round."""
    request = attrs.evolve(asked(cloud, "t-1"), market=Market.ON_DEMAND)
    cloud.machines.launch(request)
    with pytest.raises(TokenReused):
        cloud.machines.launch(attrs.evolve(request, stock=Stock.HOT))


def test_repeating_a_launch_starts_nothing(cloud: MachinesUnderTest) -> None:
    """The same token with the same parameters gives the same machines, at once and later."""
    first = cloud.machines.launch(asked(cloud, "t-1", 2))
    again = cloud.machines.launch(asked(cloud, "t-1", 2))
    cloud.settle()
    later = cloud.machines.launch(asked(cloud, "t-1", 2))
    assert ids(first.machines) == ids(again.machines) == ids(later.machines)
    assert sorted(everything(cloud)) == sorted(ids(first.machines))


def test_a_token_does_not_bring_the_dead_back(cloud: MachinesUnderTest) -> None:
    """Repeating a launch whose machine has ended starts no other in its place."""
    first = cloud.machines.launch(asked(cloud, "t-1"))
    cloud.machines.terminate(ids(first.machines))
    cloud.settle()
    again = cloud.machines.launch(asked(cloud, "t-1"))
    assert not any(machine.alive for machine in again.machines)
    assert everything(cloud) == []


def test_a_token_with_other_parameters_is_refused(cloud: MachinesUnderTest) -> None:
    """Another count or another disk under a used token is a mistake of ours, and starts nothing."""
    first = cloud.machines.launch(asked(cloud, "t-1"))
    for other in (asked(cloud, "t-1", 2), attrs.evolve(asked(cloud, "t-1"), disk=cloud.fits.disk + 1)):
        with pytest.raises(TokenReused):
            cloud.machines.launch(other)
    cloud.settle()
    assert everything(cloud) == ids(first.machines)


def test_another_token_is_another_launch(cloud: MachinesUnderTest) -> None:
    """Equal parameters under another token are other machines."""
    first = cloud.machines.launch(asked(cloud, "t-1"))
    second = cloud.machines.launch(asked(cloud, "t-2"))
    assert set(ids(first.machines)).isdisjoint(ids(second.machines))


def test_of_many_threads_with_one_token_all_get_the_same_machine(cloud: MachinesUnderTest) -> None:
    """Two deliveries of one message at the same moment launch one machine."""
    outcomes = race(4, lambda _: cloud.machines.launch(asked(cloud, "t-1")))
    assert len({machine.id for outcome in outcomes for machine in outcome.machines}) == 1
    cloud.settle()
    assert len(everything(cloud)) == 1


def test_what_can_never_be_had_is_said_to_be_permanent(cloud: MachinesUnderTest) -> None:
    """No machine, a reason that begins with a code, and the word that asking again is useless."""
    outcome = cloud.machines.launch(cloud.never_fits)
    assert outcome.machines == ()
    assert outcome.permanent
    assert outcome.errors
    for error in outcome.errors:
        assert re.match(r"\w+: \S", error), error


def test_unknown_machines_are_missing_from_a_description(cloud: MachinesUnderTest) -> None:
    """They are no error, and do not hide the known ones."""
    (machine,) = cloud.machines.launch(asked(cloud, "t-1")).machines
    cloud.settle()
    assert list(cloud.machines.describe([UNKNOWN, machine.id])) == [machine.id]
    assert cloud.machines.describe([]) == {}


def test_all_pages_together_list_every_machine_that_is_not_terminated(cloud: MachinesUnderTest) -> None:
    """Each once, and those that have ended not at all."""
    launched = ids(cloud.machines.launch(asked(cloud, "t-1", 3)).machines)
    launched += ids(cloud.machines.launch(asked(cloud, "t-2", 1)).machines)
    cloud.settle()
    assert sorted(everything(cloud)) == sorted(launched)
    cloud.machines.terminate([launched[1]])
    cloud.settle()
    assert sorted(everything(cloud)) == sorted(launched[:1] + launched[2:])


def test_terminating_is_idempotent(cloud: MachinesUnderTest) -> None:
    """A machine that has ended, one that is unknown and none at all are no error; others live on."""
    gone, kept = ids(cloud.machines.launch(asked(cloud, "t-1", 2)).machines)
    cloud.settle()
    cloud.machines.terminate([])
    cloud.machines.terminate([UNKNOWN, gone])
    cloud.machines.terminate([gone])
    cloud.settle()
    cloud.machines.terminate([gone])
    found = cloud.machines.describe([gone, kept])
    assert gone not in found or found[gone].state is MachineState.TERMINATED
    assert found[kept].state is MachineState.RUNNING


def test_a_machine_can_be_terminated_as_soon_as_it_is_launched(cloud: MachinesUnderTest) -> None:
    """Before it ever ran: it does not come to run afterwards."""
    (machine,) = cloud.machines.launch(asked(cloud, "t-1")).machines
    cloud.machines.terminate([machine.id])
    cloud.settle()
    found = cloud.machines.describe([machine.id])
    assert machine.id not in found or found[machine.id].state is MachineState.TERMINATED
    assert everything(cloud) == []


def test_offers_are_what_a_launch_may_be_served_from(cloud: MachinesUnderTest) -> None:
    """Each named once, in order; a machine that is launched is one of them; for what never fits there is none."""
    offers = list(cloud.machines.offers(cloud.fits.spec))
    assert offers == sorted(set(offers)) != []
    (machine,) = cloud.machines.launch(asked(cloud, "t")).machines
    assert Offer(machine.zone, machine.instance_type) in offers
    assert list(cloud.machines.offers(cloud.never_fits.spec)) == []


def test_an_offer_that_is_left_out_is_not_used(cloud: MachinesUnderTest) -> None:
    """The launch is served from what is left; from nothing, if nothing is left, and that is not for ever."""
    offers = list(cloud.machines.offers(cloud.fits.spec))
    for token, left in enumerate(offers[:2]):
        without = tuple(offer for offer in offers if offer != left)
        (machine,) = cloud.machines.launch(attrs.evolve(asked(cloud, f"t-{token}"), without=without)).machines
        assert Offer(machine.zone, machine.instance_type) == left
    outcome = cloud.machines.launch(attrs.evolve(asked(cloud, "none"), without=tuple(offers)))
    assert (outcome.machines, outcome.permanent) == ((), False)
    assert outcome.errors


def test_a_token_with_other_offers_left_out_is_reused(cloud: MachinesUnderTest) -> None:
    """It is another request."""
    request = asked(cloud, "t")
    cloud.machines.launch(request)
    offers = tuple(cloud.machines.offers(request.spec))
    with pytest.raises(TokenReused):
        cloud.machines.launch(attrs.evolve(request, without=offers[:1]))
