"""A one-machine fleet against a GitHub stand-in: how it is configured, run and watched, in this process or another."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import attrs

from paddock.adapters.config import AppConfig, Config, GitHubConfig, LocalConfig, SecretRef
from paddock.adapters.memory.github import JobScript, Step
from paddock.adapters.process import Layout, LocalMachines
from paddock.adapters.process.liveness import living_agent
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import SystemClock
from paddock.core.costs.ledger import day_of
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.retry import RetryPolicy
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines, FleetSettings
from paddock.core.units import DAY, MILLISECOND, SECOND
from paddock.core.usecases.listing import live_runners
from paddock.entrypoints.containers import LocalProfile, State, open_state
from paddock.entrypoints.demo.play import end_machines
from paddock.entrypoints.local.fleet import LocalFleet
from paddock.entrypoints.local.logs import logging_to
from paddock.entrypoints.local.places import Places

REPOSITORY = "acme/shop"
LABEL = f"paddock/arch={box_arch()}"
PATIENCE = 40.0
"""Seconds after which something that should have happened has not."""

QUICK = FleetSettings(
    repositories=("acme/*", "acme/shop", "acme/open"),
    deadlines=Deadlines(retry_admission=300 * MILLISECOND, word=2 * SECOND, lease=5 * SECOND, idle=4 * SECOND),
    retry=RetryPolicy(backoff=200 * MILLISECOND),
)


def config(
    state: Path,
    url: str,
    app_id: int,
    *,
    port: int = 0,
    slots: int = 4,
    settings: FleetSettings = QUICK,
) -> Config:
    """The configuration of a quick fleet; its secrets are those that `keep_secrets` wrote."""
    return Config(
        file=state / "paddock.yml",
        github=GitHubConfig(
            url=url,
            webhook_secrets=(SecretRef("github.webhook_secret", file=state / "webhook.secret"),),
            app=AppConfig(str(app_id), SecretRef("github.app.private_key", file=state / "app.pem")),
        ),
        settings=settings,
        local=LocalConfig("127.0.0.1", port, state, slots=slots, reconcile=SECOND),
    )


def keep_secrets(state: Path, github: GitHubStandIn) -> None:
    """Put what the stand-in's clients need beside the state."""
    state.mkdir(parents=True, exist_ok=True)
    secrets = {
        "webhook.secret": github.webhook_secret,
        "app.pem": github.credentials.private_key,
        "token": github.credentials.personal_token,
    }
    for name, text in secrets.items():
        (state / name).write_text(text, encoding="utf-8")


def config_of(state: Path, github: GitHubStandIn, *, slots: int = 4, settings: FleetSettings = QUICK) -> Config:
    """The configuration of a quick fleet of this stand-in."""
    keep_secrets(state, github)
    return config(state, github.url, github.credentials.app_id, slots=slots, settings=settings)


@attrs.frozen
class Running:
    """A fleet that runs in this process."""

    profile: LocalProfile
    fleet: LocalFleet


@contextmanager
def running(of: Config, github: GitHubStandIn) -> Iterator[Running]:
    """A fleet inside the block, with the stand-in's webhooks coming to it. Its machines outlive the block."""
    with ExitStack() as cleanup:
        profile = LocalProfile(config=of)
        cleanup.enter_context(logging_to(profile.places().log, terminal=False))
        cleanup.callback(profile.database().close)
        cleanup.callback(profile.client().close)
        fleet = profile.local_fleet()
        cleanup.callback(fleet.stop)
        fleet.start()
        github.webhooks.url = fleet.url
        yield Running(profile, fleet)


@contextmanager
def nothing_left(state: Path) -> Iterator[None]:
    """After the block every machine is ended, whatever happened in it; if nothing did, none may be left to end."""
    try:
        yield
        assert not processes_of(state)
    finally:
        places = Places(state)
        if places.database.exists():
            end_machines(LocalMachines(state, SystemClock()))


def script(name: str, *lines: str, labels: Sequence[str] = (LABEL,), **more: object) -> JobScript:
    """A job of the stand-in whose steps are these shell lines."""
    steps = tuple(Step(line, line) for line in lines or ("true",))
    return JobScript(name, tuple(labels), steps, **more)  # type: ignore[arg-type]


def until(happened: Callable[[], bool], what: str, seconds: float = PATIENCE, tell: Callable[[], str] = str) -> None:
    """Wait until it happened; an error that says what did not, and what `tell` says, if it takes too long."""
    deadline = monotonic() + seconds
    while not happened():
        if monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}\n{tell()}")
        sleep(0.05)


@contextmanager
def looking_at(state: Path) -> Iterator[State]:
    """The fleet's records and decisions, from beside it."""
    opened = open_state(Places(state))
    try:
        yield opened
    finally:
        opened.close()


def jobs_of(state: State) -> dict[int, Job]:
    """Every job's record."""
    return {job.id: job for job in pages(lambda cursor: state.table.jobs.page("all", "all", cursor=cursor))}


def runners_of(state: State) -> dict[str, Runner]:
    """Every machine's record: of those that live, and of those that were billed of late."""
    found = {runner.machine: runner for runner in live_runners(state.table)}
    now = SystemClock().now()
    for day in (now - DAY, now, now + DAY):
        for bill in pages(lambda cursor, day=day: state.table.ledger.page("day", day_of(day), cursor=cursor)):  # type: ignore[misc]
            runner = state.table.runners.get(bill.machine)
            found |= {} if runner is None else {runner.machine: runner}
    return found


def decisions_of(state: State, job_id: int) -> tuple[Decision, ...]:
    """What was decided about a job and its machines."""
    return state.explain(job_id).decisions


def verdicts_of(state: State, job_id: int) -> list[str]:
    """The verdicts about a job alone, oldest first."""
    return [decision.verdict for decision in state.explain.decisions.about(f"job:{job_id}")]


def told_of(state: State, job_ids: Sequence[int]) -> str:
    """Everything about these jobs, for a failure's message."""
    known = jobs_of(state)
    lines = []
    for job_id in job_ids:
        lines.append(str(known.get(job_id, f"{job_id}: no record")))
        if job_id in known:
            lines += [f"   {d.at} {d.subject} {d.actor} {d.verdict}: {d.reason}" for d in decisions_of(state, job_id)]
    return "\n".join(lines)


def living_machines(state: Path) -> dict[str, int]:
    """The machines whose agents live, and their process ids."""
    found = {files.id: living_agent(files) for files in Layout(state).all()}
    return {machine: agent.pid for machine, agent in found.items() if agent is not None}


def processes_of(state: Path) -> list[str]:
    """Every living process, this one apart, that has the state directory in its command line, place or environment."""
    mark, own = os.fsencode(state), os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            place = os.fsencode((entry / "cwd").readlink())
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or a zombie
        if mark in command or mark in place or mark in environment:
            found.append(f"{entry.name}: {command.replace(bytes(1), b' ').decode(errors='replace')}")
    return found
