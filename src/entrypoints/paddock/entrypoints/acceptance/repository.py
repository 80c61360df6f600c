"""The repository's side of an acceptance: files on a branch of its own, or on the default one, and a webhook."""

import re
from collections.abc import Callable
from typing import Final

import attrs

from paddock.adapters.github.authors import RestAuthor
from paddock.core.errors import PaddockError
from paddock.core.ports.github import Runners, Scope
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.scenarios import Scenario, label_of
from paddock.entrypoints.acceptance.values import RunSeen

_ENDING: Final = "[0-9a-f]{8}"  # what a branch's name ends with
EVENTS: Final = ("workflow_job", "workflow_run")


@attrs.define(kw_only=True)
class Repository:
    """See `paddock.entrypoints.acceptance.ports.Workflows`.

    A workflow that the default branch has is started by hand there. Any other is put onto ``branch``, where the push
    starts it: GitHub does not dispatch what the default branch has not.
    """

    author: RestAuthor
    runners: Runners
    scopes: tuple[Scope, ...]
    environment: str
    token: str
    arch: str
    hook_secret: str = attrs.field(repr=False)
    hooked: bool = False
    made: list[str] = attrs.field(factory=list)
    main: str = ""
    _where: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def prefix(self) -> str:
        """How every branch of the environment's begins."""
        return f"paddock-{self.environment}-"

    @property
    def branch(self) -> str:
        """The branch of its own."""
        return f"{self.prefix}{self.token}"

    @property
    def mark(self) -> str:
        """How the address of the environment's webhook ends, by which it is found when there is no stack any more."""
        return f"?environment={self.environment}"

    def adopt(self, note: Callable[[PaddockError], None]) -> None:
        """Take what an earlier acceptance of the environment left for one's own, and cancel its runs.

        Those that were started on the default branch are not known any more; the fleet that they wait for is not there.

        Args:
            note: is told what could not be cancelled.
        """
        self.hooked = True
        self.made = self._branches()
        for branch in self.made:
            try:
                for run_id in self.author.running(branch):
                    self.author.cancel(run_id)
            except PaddockError as error:
                note(error)

    def _branches(self) -> list[str]:
        """The environment's own: another's name may begin with this one's."""
        own = re.compile(re.escape(self.prefix) + _ENDING)
        return [branch for branch in self.author.branches(self.prefix) if own.fullmatch(branch)]

    def _hooks(self) -> list[int]:
        return [hook for hook, url in self.author.hooks().items() if url.endswith(self.mark)]

    def prepare(self, webhook: str) -> None:
        """See the port."""
        self.main = self.author.default_branch()
        self.hooked = True
        self.author.add_hook(f"{webhook}{self.mark}", self.hook_secret, EVENTS)

    def start(self, scenario: Scenario) -> None:
        """See the port."""
        label = label_of(self.environment, scenario.name, self.arch)
        if self.author.has(scenario.path, self.main):
            self._where[scenario.name] = self.main
            self.author.dispatch(scenario.file, self.main, {"label": label, "token": self.token})
            return
        if self.branch not in self.made:
            self.made.append(self.branch)  # before it is made: if the answer is lost, it is removed all the same
            self.author.make_branch(self.branch, self.main)
        self._where[scenario.name] = self.branch
        text = scenario.pushed(self.branch, label, self.token)
        self.author.commit(scenario.path, text, self.branch, f"{scenario.name}, for paddock acceptance")

    def find(self, scenario: Scenario) -> int | None:
        """See the port."""
        where = self._where.get(scenario.name)
        return None if where is None else self.author.find_run(where, scenario.title(self.token))

    def look(self, run_id: int) -> RunSeen:
        """See the port. The run first: what it says of its end is then true of its jobs, too."""
        state = self.author.state(run_id)
        jobs = tuple(self.author.jobs(run_id))
        return RunSeen(status=state.status, conclusion=state.conclusion, attempt=state.attempt, jobs=jobs)

    def cancel(self, run_id: int) -> None:
        """See the port."""
        self.author.cancel(run_id)

    def registrations(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(one.name for scope in self.scopes for one in self.runners.registered(scope))

    def clean(self, tell: Tell) -> None:
        """See the port. Branches go even if the webhook does not."""
        try:
            if self.hooked:
                for hook in self._hooks():
                    self.author.delete_hook(hook)
                tell(f"the webhook of {self.author.repository} is gone")
        finally:
            for branch in self.made:
                if self.author.delete_branch(branch):
                    tell(f"the branch {branch} is gone")

    def left(self) -> tuple[str, ...]:
        """See the port."""
        left = []
        if self.hooked and self._hooks():
            left.append(f"the webhook of {self.author.repository} whose address ends with {self.mark}")
        if self.made:
            left += [f"the branch {branch} of {self.author.repository}" for branch in self._branches()]
        return tuple(left)
