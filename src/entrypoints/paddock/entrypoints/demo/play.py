"""Plays the scenario: a GitHub stand-in, a one-machine fleet, and the scenes one after the other."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import attrs

from paddock.adapters.config import AppConfig, Config, GitHubConfig, LocalConfig, SecretRef
from paddock.adapters.process import LocalMachines, box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.core.costs.ledger import CostLedger, day_of, ledger
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.retry import RetryPolicy
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines, FleetSettings
from paddock.core.states import JobState
from paddock.core.units import DAY, MILLISECOND, MINUTE, SECOND, Moment, Span
from paddock.entrypoints.containers import LocalProfile
from paddock.entrypoints.demo.scenario import ALLOWED, REPOSITORIES, Cue, Part, Scene, aliases, scenes
from paddock.entrypoints.local.logs import logging_to

SLOTS = 4
_PATIENCE: Span = 120 * SECOND
_GLANCE: Span = 200 * MILLISECOND
_APPROVAL_AFTER: Span = 2 * SECOND


@attrs.frozen
class View:
    """The fleet at one moment."""

    jobs: tuple[Job, ...]
    runners: tuple[Runner, ...]
    now: Moment


@attrs.frozen
class Played:
    """What came of it. ``parts`` maps job ids to what was expected; ``github`` to GitHub's conclusions."""

    view: View
    began: Moment
    parts: Mapping[int, Part]
    github: Mapping[int, str | None]
    decisions: Mapping[int, tuple[Decision, ...]]
    bill: CostLedger
    left_behind: tuple[str, ...]
    timed_out: bool


@attrs.define
class _Run:
    """A scene under way."""

    scene: Scene
    run_id: int
    job_ids: tuple[int, ...]
    started_at: Moment
    cued: bool = False


def play(state: Path, watch: Callable[[View], None]) -> Played:
    """Play every scene with a fleet whose state is below `state`; `watch` is shown the fleet several times a second."""
    with GitHubStandIn() as github, ExitStack() as cleanup:
        profile = LocalProfile(config=_config(state, github))
        cleanup.enter_context(logging_to(profile.places().log, terminal=False))
        cleanup.callback(profile.database().close)
        cleanup.callback(profile.client().close)
        cleanup.callback(end_machines, profile.machines())
        fleet = profile.local_fleet()
        cleanup.callback(fleet.stop)
        fleet.start()
        github.webhooks.url = fleet.url
        return _Director(github, profile, watch).direct()


class _Director:
    def __init__(self, github: GitHubStandIn, profile: LocalProfile, watch: Callable[[View], None]) -> None:
        self._github = github
        self._watch = watch
        self._table = profile.table()
        self._decisions = profile.decisions()
        self._machines = profile.machines()
        self._clock = profile.clock()
        self._sleeper = profile.sleeper()
        self._began = self._clock.now()

    def direct(self) -> Played:
        for name, private in REPOSITORIES.items():
            self._github.add_repository(name, private=private)
        runs: list[_Run] = []
        to_come = list(scenes(box_arch()))
        view, over = self._look(), False
        while not over and view.now < self._began + _PATIENCE:
            if to_come:
                runs.append(self._open(to_come.pop(0)))
            for run in runs:
                self._cue(run, view)
            self._sleeper.sleep(_GLANCE)
            view = self._look()
            self._watch(view)
            over = not to_come and self._is_over(runs, view)
        return self._played(runs, view, timed_out=not over)

    def _open(self, scene: Scene) -> _Run:
        started = self._github.start_run(
            scene.repository,
            [part.script for part in scene.parts],
            workflow=scene.workflow,
            event=scene.event,
            head_repository=scene.head_repository or None,
        )
        return _Run(scene, started.run_id, started.job_ids, self._clock.now())

    def _cue(self, run: _Run, view: View) -> None:
        """Do to the run what its scene asks for, once it is time."""
        if run.cued:
            return
        states = {job.id: job.state for job in view.jobs}
        match run.scene.cue:
            case Cue.CANCEL_AT_ONCE:
                run.cued = self._github.cancel_run(run.scene.repository, run.run_id)
            case Cue.CANCEL_WHEN_RUNNING:
                if states.get(run.job_ids[0]) is JobState.RUNNING:
                    run.cued = self._github.cancel_run(run.scene.repository, run.run_id)
            case Cue.APPROVE:
                if view.now >= run.started_at + _APPROVAL_AFTER:
                    self._github.model.runs.approve(run.job_ids[0])
                    run.cued = True
            case Cue.NONE:
                run.cued = True

    def _look(self) -> View:
        jobs = tuple(pages(lambda cursor: self._table.jobs.page("all", "all", cursor=cursor)))
        now = self._clock.now()
        runners = tuple(
            runner
            for minute in range(self._began // MINUTE, now // MINUTE + 1)
            for runner in pages(lambda cursor, at=str(minute): self._table.runners.page("minute", at, cursor=cursor))  # type: ignore[misc]
        )
        return View(jobs, runners, now)

    def _is_over(self, runs: list[_Run], view: View) -> bool:
        """Every job has ended in the records and at GitHub (but for those nobody will run), and no machine is left."""
        ended = {job.id for job in view.jobs if not job.live}
        settled = {job.id for job in view.jobs if job.state is JobState.REJECTED}
        settled |= {job.id for job in self._github.jobs() if job.conclusion is not None}
        every = {job_id for run in runs for job_id in run.job_ids}
        return every <= ended and every <= settled and not any(runner.live for runner in view.runners)

    def _played(self, runs: list[_Run], view: View, *, timed_out: bool) -> Played:
        days = {day_of(moment) for moment in (*range(self._began, view.now + DAY, DAY), view.now)}
        bills = [
            bill
            for day in sorted(days)
            for bill in pages(lambda cursor, day=day: self._table.ledger.page("day", day, cursor=cursor))  # type: ignore[misc]
        ]
        alive = pages(lambda cursor: self._machines.page(cursor=cursor))
        return Played(
            view=view,
            began=self._began,
            parts={job_id: part for run in runs for job_id, part in zip(run.job_ids, run.scene.parts, strict=True)},
            github={job.id: job.conclusion for job in self._github.jobs()},
            decisions={job.id: tuple(self._decisions.about(job.subject)) for job in view.jobs},
            bill=ledger(entry for bill in bills for entry in bill.entries),
            left_behind=tuple(machine.id for machine in alive),
            timed_out=timed_out,
        )


def _config(state: Path, github: GitHubStandIn) -> Config:
    """The configuration a person would write for this GitHub; the secrets lie in files only their owner can read."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _secret(state / "app.pem", github.credentials.private_key)
    secret = _secret(state / "webhook.secret", github.webhook_secret)
    return Config(
        file=state / "paddock.yml",
        github=GitHubConfig(
            url=github.url,
            webhook_secrets=(SecretRef("github.webhook_secret", file=secret),),
            app=AppConfig(str(github.credentials.app_id), SecretRef("github.app.private_key", file=key)),
        ),
        settings=FleetSettings(
            repositories=ALLOWED,
            aliases=aliases(box_arch()),
            deadlines=Deadlines(retry_admission=SECOND, word=5 * SECOND),
            retry=RetryPolicy(backoff=SECOND),
        ),
        local=LocalConfig("127.0.0.1", 0, state, slots=SLOTS, reconcile=3 * SECOND),
    )


def _secret(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def end_machines(machines: LocalMachines) -> None:
    """The stage is cleared whatever happened on it."""
    machines.terminate([machine.id for machine in pages(lambda cursor: machines.page(cursor=cursor))])
