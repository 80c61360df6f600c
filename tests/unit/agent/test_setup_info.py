"""What a job's log says of its machine, and what it must never say."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.job import Job, JobFacts
from paddock.core.launch import Launch
from paddock.core.messages import JobRequested
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.spec import Market, RunnerSpec
from paddock.core.usecases.setup_info import MAX_LINE, one_line, setup_info
from tests.strategies import NOON
from tests.world.world import World

JOB = Job(JobFacts(7, 1, "acme/shop", ("paddock",)), launch=1)
LAUNCH = Launch("l-1", RunnerSpec(), Market.SPOT, (7,), 0)
MACHINE = Machine(
    "i-0abc",
    MachineState.PENDING,
    0,
    instance_type="m7i.large",
    vcpu=2,
    market=Market.SPOT,
    zone="eu-west-1a",
    price=50_000,
    disk=30,
)


def test_every_fact_has_its_line() -> None:
    """The developer reads what the machine is, what it costs, and why it is this one."""
    assert setup_info(JOB, MACHINE, LAUNCH).splitlines() == [
        "Machine: i-0abc",
        "Type: m7i.large (2 vCPU, x64, 30 GiB disk)",
        "Zone: eu-west-1a",
        "Market: spot",
        "Price: $0.0500 an hour",
        "Why: the job asks for 2 to 4 vCPU, x64, spot",
    ]


def test_what_nobody_knows_is_left_out() -> None:
    """A machine of the one-machine fleet has no zone and no price: no empty lines for them."""
    bare = Machine("m-1", MachineState.PENDING, 0, market=Market.SPOT)
    lines = setup_info(JOB, bare, LAUNCH).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Machine", "Type", "Market", "Why"]
    assert lines[1] == "Type: (x64)"


def test_it_says_why_spot_was_asked_for_and_not_given() -> None:
    """The reason why the last launch came to nothing stands there, because it explains the price."""
    job = attrs.evolve(JOB, launch=2, failure="no capacity: InsufficientInstanceCapacity in eu-west-1a")
    text = setup_info(job, attrs.evolve(MACHINE, market=Market.ON_DEMAND), LAUNCH)
    assert text.splitlines()[-1] == (
        "Why: the job asks for 2 to 4 vCPU, x64, spot; on demand all the same (launch 2), because its last try got no "
        "spot machine: no capacity: InsufficientInstanceCapacity in eu-west-1a"
    )


def test_a_machine_of_the_other_market_is_said_to_be_one() -> None:
    """Also a cheaper market than the one that was asked for."""
    launch = attrs.evolve(LAUNCH, spec=RunnerSpec(spot=False))
    assert setup_info(JOB, MACHINE, launch).endswith("on-demand; the fleet gave spot")


def test_a_hostile_label_is_text_on_its_line() -> None:
    """An image's name comes from a label: no line of its own, no workflow command, no colour."""
    spec = RunnerSpec(image="x\n::set-output name=a::b\n##[error]no \x1b[31mred\u202e")
    text = setup_info(JOB, MACHINE, attrs.evolve(LAUNCH, spec=spec))
    assert len(text.splitlines()) == 6
    assert "::" not in text
    assert "##" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@given(st.text(st.sampled_from(":#[]ab \n\r\t\x00\u2028\x85"), max_size=400) | st.text())
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    """Whatever it is: one line, printable, short, and without the two marks that begin a command."""
    line = one_line(text)
    assert len(line) <= MAX_LINE
    assert line == "" or line.isprintable()
    assert "::" not in line
    assert "##" not in line


def test_the_orders_carry_it() -> None:
    """The machine that is launched for a job gets the text with its orders."""
    world = World()
    job = world.push_job()
    record = world.github.state.jobs[job]
    facts = JobFacts(job, record.run_id, record.repository, record.labels, private=True, created_at=NOON)
    world.fleet.dispatch([JobRequested(facts, NOON, "guid")])
    machine = world.record(job).machine
    assert machine is not None
    orders = world.assignments.take(machine)
    assert orders is not None
    lines = dict(line.split(": ", 1) for line in orders.setup_info.splitlines())
    assert lines["Machine"] == machine
    assert lines["Why"].startswith("the job asks for 2 to 4 vCPU")
