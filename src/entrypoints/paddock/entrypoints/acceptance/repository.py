"""The repository's side of an acceptance: files on a branch of its own, or on the default one, and a webhook."""

from typing import Final

import attrs

from paddock.adapters.github.authors import RestAuthor
from paddock.core.ports.github import Runners, Scope
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.scenarios import Scenario, label_of
from paddock.entrypoints.acceptance.values import RunSeen

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
    hook_url: str = ""
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

    def adopt(self, webhook: str) -> None:
        """Take what an earlier acceptance of the environment left for one's own; `webhook` is where its hook leads."""
        self.hook_url = webhook
        self.made = list(self.author.branches(self.prefix))

    def prepare(self, webhook: str) -> None:
        """See the port."""
        self.main = self.author.default_branch()
        self.hook_url = webhook
        self.author.add_hook(webhook, self.hook_secret, EVENTS)

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
        return self.author.find_run(self._where[scenario.name], scenario.title(self.token))

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
            if self.hook_url:
                for hook in [hook for hook, url in self.author.hooks().items() if url == self.hook_url]:
                    self.author.delete_hook(hook)
                tell(f"the webhook of {self.author.repository} is gone")
        finally:
            for branch in self.made:
                if self.author.delete_branch(branch):
                    tell(f"the branch {branch} is gone")

    def left(self) -> tuple[str, ...]:
        """See the port."""
        left = []
        if self.hook_url and self.hook_url in self.author.hooks().values():
            left.append(f"the webhook of {self.author.repository} to {self.hook_url}")
        if self.made:
            left += [f"the branch {branch} of {self.author.repository}" for branch in self.author.branches(self.prefix)]
        return tuple(left)
