"""The conformance suite's world by default: the GitHub stand-in over HTTP, and the runner stand-in's package."""

from paddock.adapters.memory.github import MemoryRunners
from paddock.adapters.standin import GitHubStandIn, JobScript, RunnerFaults, Step
from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import JitConfig, Scope
from paddock.core.spec import Arch
from tests.agent.conformance import Outcome, Scenario, script

REPOSITORY = "acme/app"
SCOPE = Scope("acme", "app")


class StandInWorld:
    """A `RunnerWorld`. ``faults`` hit the next job that is queued and the next runner that is minted."""

    patience = 30.0

    def __init__(self) -> None:
        self.standin = GitHubStandIn(scale=0.01)
        self.standin.add_repository(REPOSITORY)
        self.standin.__enter__()
        self.faults = RunnerFaults()

    def package(self) -> RunnerPackage:
        """See `RunnerWorld.package`."""
        offered = self.standin.model.packages[Arch.X64]
        digest = offered.downloads_sha256 or ""
        places = {"downloads": digest, "release digest": digest}
        return RunnerPackage(offered.version, offered.url, digest, offered.filename, places)

    def mint(self, name: str, label: str) -> JitConfig:
        """See `RunnerWorld.mint`."""
        self.standin.fault_next_registration(self.faults)
        return MemoryRunners(self.standin.model).jit_config(SCOPE, name, [label], 1)

    def registered(self, runner_id: int) -> bool:
        """See `RunnerWorld.registered`."""
        return any(known.id == runner_id for known in self.standin.runners())

    def delete(self, runner_id: int) -> None:
        """See `RunnerWorld.delete`."""
        self.standin.model.runners.delete(runner_id)

    def queue(self, scenario: Scenario, label: str, title: str = "build") -> int:
        """See `RunnerWorld.queue`."""
        steps = (
            Step("Scenario", script(), env={"SCENARIO": scenario.value}),
            Step("Clean up", "echo cleaned", always=True),
        )
        job = JobScript(title, (label,), steps, faults=self.faults)
        return self.standin.start_run(REPOSITORY, [job]).run_id

    def cancel(self, run_id: int) -> None:
        """See `RunnerWorld.cancel`."""
        self.standin.cancel_run(REPOSITORY, run_id)

    def outcome(self, run_id: int) -> Outcome:
        """See `RunnerWorld.outcome`."""
        (job,) = self.standin.jobs(run_id)
        return Outcome(job.status, job.conclusion, job.runner_name)

    def close(self) -> None:
        """See `RunnerWorld.close`."""
        self.standin.__exit__(None, None, None)
