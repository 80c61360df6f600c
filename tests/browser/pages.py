"""Every page that we make, on the disk: by our own commands where there is one, of made-up days for the rest."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from paddock.adapters.report.timeline import render as timeline
from paddock.adapters.simulation.outcome import Calls
from paddock.adapters.simulation.render.background import Assumption, Background
from paddock.adapters.simulation.render.page import render as simulation
from paddock.adapters.simulation.workloads import built_in_day
from paddock.adapters.simulation.world import Simulation
from paddock.core.codec import from_data
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import CostLedger, Rates
from paddock.core.costs.report import ServiceCost
from paddock.core.decision import Decision
from paddock.core.runner import Runner
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.strategies import NOON
from tests.unit.simulation.outcomes import broken, outcome_a, waits
from tests.world.days import House, served, spare
from tests.world.made_up_fleet import HOSTILE, NOW, a_job, a_runner, at, bills_of

BIDI: Final = "\u202e\u05d1\u05d3\u05d9\u05e7\u05d4\u200f \u0627\u062e\u062a\u0628\u0627\u0631"
LONG: Final = "a-name-that-goes-on-and-on-" * 12
STRANGE: Final = {"hostile": HOSTILE, "right to left": BIDI, "long": LONG, "script": "<script>alert(1)</script>"}
"""Names that strangers may choose for a repository, a job, a workflow or a label."""

_MIDNIGHT: Final = NOON // DAY * DAY


@contextmanager
def begun(home: Path, *words: str) -> Iterator[Callable[[], tuple[int, str]]]:
    """The command ``paddock`` with these words, run in the folder while others go on.

    The call waits for its end, and gives its exit code and what it said on stderr.
    """
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", *words]
    with subprocess.Popen(
        command, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:

        def ended() -> tuple[int, str]:
            _, said = process.communicate(timeout=120)
            return process.returncode, said

        try:
            yield ended
        finally:
            process.terminate()


def ran(home: Path, *words: str) -> None:
    """It, to its end."""
    with begun(home, *words) as ended:
        code, said = ended()
        assert code == 0, said


def cost_page(home: Path) -> Path:
    """The report of a simulated day, after twelve that were cheaper, with a pool and what AWS's services cost."""
    midnight = _MIDNIGHT + 2 * DAY  # the built-in day is the 24th
    house = House(midnight + 10 * HOUR)
    for number in range(12 * 30):
        day = 1 + number % 12
        house.book(served(1_000_000 + number, midnight - day * DAY + number % 20 * HOUR, 40 + number % 7 * 40))
    _report(house, "2026-11-11", "2026-11-23")
    house.clock.advance(DAY)
    documents: list[bytes] = []
    Simulation(built_in_day(), seed=1, sink=documents.append).run()
    for document in map(json.loads, documents):
        if document.get("machine") is not None:
            house.book(bill_of(from_data(document["machine"], Runner), None, Rates()))
    house.book(spare(2_000_000, midnight, 14))
    _report(house, "2026-11-23", "2026-11-24")
    return _written(house, home / "cost.html", "2026-11-24")


def quiet_cost_page(home: Path) -> Path:
    """The report of a day without machines, after another."""
    house = House(_MIDNIGHT + DAY + 10 * HOUR)
    _report(house, "2026-11-20", "2026-11-22")
    return _written(house, home / "cost-quiet.html", "2026-11-22")


def strange_cost_page(home: Path) -> Path:
    """The report of a day of which strangers chose every name."""
    house = House(_MIDNIGHT + DAY + 10 * HOUR)
    for number, name in enumerate(STRANGE.values()):
        names: Mapping[str, Any] = {"workflow": name, "repository": f"acme/{name}", "instance_type": name}
        house.book(served(number, _MIDNIGHT + number * HOUR, 30 * (number + 1), **names))
        house.book(spare(100 + number, _MIDNIGHT, number + 2, pool=name[:200]))
    _report(house, "2026-11-21", "2026-11-22")
    return _written(house, home / "cost-strange.html", "2026-11-22")


def _report(house: House, cursor: str, last: str) -> None:
    """Report every day after the first."""
    services = [
        ServiceCost("Lambda", "invocations", 123_456, "invocations", 24_691),
        ServiceCost("S3", "requests", None, "requests", None),
    ]
    while cursor != last:
        told = house.task(count=lambda _since, _until: services)(cursor=cursor)
        assert not told.failed, told.errors
        cursor = told.cursor


def _written(house: House, path: Path, day: str) -> Path:
    path.write_text(house.text(f"cost/{day.replace('-', '/')}.html"), encoding="utf-8")
    return path


def simulated_page(home: Path) -> Path:
    """A day's first hours, with two configurations."""
    secrets = "{webhook_secret: {env: SECRET}, token: {env: TOKEN}, repositories: [acme/*]}"
    for name, machines in {"few": 10, "many": 60}.items():
        text = f"version: 1\ngithub: {secrets}\nlimits: {{machines: {machines}}}\n"
        (home / f"{name}.yml").write_text(text, encoding="utf-8")
    configs = ("--config", "few.yml", "--config", "many.yml")
    ran(home, "simulate", *configs, "--until", "3h", "--out", "simulation.html")
    return home / "simulation.html"


def simulated_alone(home: Path) -> Path:
    """A day's first hours, with one configuration and faults."""
    ran(home, "simulate", "--faults", "stormy", "--until", "2h", "--out", "simulation-alone.html")
    return home / "simulation-alone.html"


def strange_simulated_page(home: Path) -> Path:
    """A simulation in which a rule was broken, with names that strangers chose."""
    outcomes = [
        attrs.evolve(
            broken(outcome_a(), name, name),
            policy=name[:200],
            workload=name,
            waits={labels: waits(1, 20, 300) for labels in STRANGE.values()},
            calls=(Calls(name, 1, 1, 2, SECOND),),
        )
        for name in STRANGE.values()
    ]
    background = Background(LONG, {HOSTILE: LONG}, HOSTILE, assumptions=(Assumption(HOSTILE, LONG, BIDI),))
    path = home / "simulation-strange.html"
    path.write_text(simulation(outcomes, background), encoding="utf-8")
    return path


def dashboard(home: Path) -> Path:
    """What CloudWatch would show of a simulated day."""
    ran(home, "dashboard", "dashboard.svg")
    return home / "dashboard.svg"


def quiet_timeline(home: Path) -> Path:
    """A fleet to which no job has come."""
    path = home / "timeline-quiet.html"
    path.write_text(timeline((), (), CostLedger(()), {}, title="A quiet day", now=NOW), encoding="utf-8")
    return path


def strange_timeline(home: Path) -> Path:
    """Jobs and machines of which strangers chose every name."""
    jobs, machines, decisions = [], [], {}
    for number, name in enumerate(STRANGE.values(), 1):
        jobs.append(a_job(number, name, labels=(name,), repository=name, reason=name, machine=name[:19]))
        assigned: Any = {"zone": name, "instance_type": name, "assigned_job": jobs[-1].id, "gone_at": at(200)}
        machines.append(a_runner(number, machine=name[:19] + str(number), **assigned))
        said = Decision(jobs[-1].subject, at(1), name, name, name, {name: name})
        decisions[jobs[-1].id] = [said]
    path = home / "timeline-strange.html"
    page = timeline(jobs, machines, bills_of(jobs, machines), decisions, title=LONG, now=at(0) + 6 * MINUTE)
    path.write_text(page, encoding="utf-8")
    return path
