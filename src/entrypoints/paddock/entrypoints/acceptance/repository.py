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
    hook: int | None = None
    hook_url: str = ""
    made_branch: bool = False
    main: str = ""
    _where: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def branch(self) -> str:
        """The branch of its own."""
        return f"paddock-{self.environment}-{self.token}"

    def prepare(self, webhook: str) -> None:
        """See the port."""
        self.main = self.author.default_branch()
        self.hook_url = webhook
        self.hook = self.author.add_hook(webhook, self.hook_secret, EVENTS)

    def start(self, scenario: Scenario) -> None:
        """See the port."""
        label = label_of(self.environment, scenario.name, self.arch)
        if self.author.has(scenario.path, self.main):
            self._where[scenario.name] = self.main
            self.author.dispatch(scenario.file, self.main, {"label": label, "token": self.token})
            return
        if not self.made_branch:
            self.made_branch = True  # before it is made: if the answer is lost, it is removed all the same
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
        """See the port. The branch goes even if the webhook does not."""
        try:
            if self.hook_url:
                for hook in [hook for hook, url in self.author.hooks().items() if url == self.hook_url]:
                    self.author.delete_hook(hook)
                self.hook, self.hook_url = None, ""
                tell(f"the webhook of {self.author.repository} is gone")
        finally:
            if self.made_branch:
                self.author.delete_branch(self.branch)
                self.made_branch = False
                tell(f"the branch {self.branch} is gone")

    def left(self) -> tuple[str, ...]:
        """See the port."""
        left = [f"webhook to {self.hook_url} of {self.author.repository}"] if self.hook_url else []
        if self.made_branch or (self._where and self.author.has_branch(self.branch)):
            left.append(f"branch {self.branch} of {self.author.repository}")
        return tuple(left)
