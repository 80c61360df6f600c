"""From orders to a Listener that can be started: directories, hooks, registration, package, and what the job is told.

::

    directories, hooks ──> (JIT configuration checked) ──> package ──> (registration by token) ──> .setup_info

What fails, or is stopped, after a registration by token takes it back: later, nobody here has the token any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paddock.agent.assignment import Assignment
from paddock.agent.job.environment import base_environment, listener_environment, marker, surroundings_of
from paddock.agent.job.hooks import Hooks
from paddock.agent.job.setup_info import setup_info, write_setup_info
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.machine.place import claim
from paddock.agent.machine.users import make_for, open_way
from paddock.agent.package.baked import Baked
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.prepare import Sources, prepare
from paddock.agent.platform import Platform
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.program import Run
from paddock.agent.registration.register import Registered, register
from paddock.agent.registration.token import unregister
from paddock.agent.settings import Settings
from paddock.agent.version import VERSION


@dataclass(frozen=True, slots=True)
class Ready:
    """A runner that can be started: GitHub's number for it, its whole environment, and the hooks that will tell."""

    runner_id: int
    environment: Mapping[str, str] = field(repr=False)
    hooks: Hooks
    version: str


class Preparation:
    """What has to be done for one assignment on one machine."""

    def __init__(self, assignment: Assignment, settings: Settings, on: Platform, phases: Phases, *, run: Run) -> None:
        """Args: the orders, the settings, the machine, who is told how long each phase took, who has the token."""
        self._run = run
        self._assignment = assignment
        self._settings = settings
        self._on = on
        self._phases = phases
        self._surroundings = surroundings_of(settings, on.user)

    def __call__(self) -> Ready:
        """Do it, in order.

        Raises:
            AgentFailure: with every reason there is for a runner that cannot be started.
            OSError: a disk that fails or is full.
        """
        try:
            return self._ready()
        except BaseException:
            self._take_back()
            raise

    def _ready(self) -> Ready:
        registered = None
        with self._phases.measure("configure"):
            hooks, environment_of_hooks = self._furnish()
            if self._assignment.jit_config:  # refused before anything is fetched for it
                registered = self._register()
        version = self._unpack()
        if registered is None:
            with self._phases.measure("register"):
                registered = self._register()
        if self._settings.alone:  # as on GitHub's machines: a job may serve its files by other users (postgres, nginx)
            for directory in (self._settings.work, self._settings.runner):
                directory.chmod(0o755)
        groups = setup_info(
            self._assignment.setup_info, self._on.identity, runner_version=version, agent_version=VERSION
        )
        write_setup_info(self._settings.runner, groups, self._on.user)
        environment = listener_environment(
            machine=self._assignment.machine,
            home=self._settings.home,
            tmp=self._settings.tmp,
            surroundings=self._surroundings,
            more={**registered.environment, **environment_of_hooks},
        )
        return Ready(registered.runner_id, environment, hooks, version)

    def _furnish(self) -> tuple[Hooks, Mapping[str, str]]:
        """The job's directories, its user's where it has one; the runner's becomes its own when it is filled."""
        settings, user = self._settings, self._on.user
        open_way(settings.directory, user)
        make_for(user, settings.work)
        claim(settings.work)
        make_for(user, settings.home, settings.tmp)
        settings.runner.mkdir(mode=0o700)
        try:
            hooks = Hooks(settings.work, started=settings.hooks_started, completed=settings.hooks_completed)
        except ValueError as error:
            raise AgentFailure(Reason.BAD_SETTINGS, str(error)) from None
        return hooks, hooks.install(user)

    def _unpack(self) -> str:
        settings, user = self._settings, self._on.user
        sources = Sources(
            cache=settings.cache,
            mirror=self._on.mirror,
            baked=None if settings.baked is None else Baked(settings.baked, once=settings.alone),
            jobs_uid=None if user is None else user.uid,
            keep_tree=not settings.alone,
            bounds=Bounds(
                min_free=settings.min_free,
                pause=settings.retry_delay / (5 * SECOND),
                deadline=settings.download_deadline / SECOND,
                window=settings.download_window / SECOND,
            ),
        )
        return prepare(
            self._assignment.package,
            sources=sources,
            runner=settings.runner,
            environment=self._environment,
            phases=self._phases,
            clock=self._on.clock,
            log=self._on.log,
            user=user,
        )

    def _register(self) -> Registered:
        return register(self._assignment, self._settings.runner, run=self._run, environment=self._environment)

    def _take_back(self) -> None:
        registration, runner = self._assignment.registration, self._settings.runner
        if registration is not None and unregister(registration, runner, run=self._run, environment=self._environment):
            self._on.log.write("unregistered")

    @property
    def _environment(self) -> dict[str, str]:
        """What any program of the package needs, and the mark by which it is found should we die beside it."""
        name, _, value = marker(self._assignment.machine).partition("=")
        return {**base_environment(self._settings.home, self._settings.tmp, self._surroundings), name: value}
