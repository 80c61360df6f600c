"""What the demo plays: workflow runs of every kind, and how each of their jobs must end."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from paddock.adapters.memory.github import DeliveryFaults, JobScript, RunnerFaults, Step
from paddock.core.settings import Alias
from paddock.core.spec import Arch
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import SECOND

ALLOWED = ("acme/shop", "acme/docs", "acme/open")
REPOSITORIES: Mapping[str, bool] = {"acme/shop": True, "acme/docs": True, "acme/open": False, "rival/tools": True}
"""Each repository and whether it is private."""


class Cue(StrEnum):
    """What the director does to a run, beside starting it."""

    NONE = "none"
    CANCEL_AT_ONCE = "cancel at once"
    CANCEL_WHEN_RUNNING = "cancel when it runs"
    APPROVE = "approve its environment"


@attrs.frozen
class Ending:
    """How a job must end.

    ``reason`` is a part of the reason that its record gives; ``told`` are verdicts of decisions about it.
    """

    state: JobState = JobState.FINISHED
    conclusion: str | None = "success"
    launches: int = 1
    result: OperationalResult | None = OperationalResult.SERVED
    reason: str = ""
    told: tuple[str, ...] = ()


ANY_LAUNCHES = -1
"""GitHub hands out runners of equal labels as it likes, so a job may run without a launch of its own."""


@attrs.frozen
class Part:
    """One job: what the workflow says, and how it must end."""

    script: JobScript
    ending: Ending = Ending()


@attrs.frozen
class Scene:
    """One workflow run."""

    repository: str
    workflow: str
    parts: tuple[Part, ...]
    event: str = "push"
    head_repository: str = ""
    cue: Cue = Cue.NONE


def _shell(*lines: str) -> tuple[Step, ...]:
    return tuple(Step(line.split(" #", 1)[-1] if " #" in line else line, line) for line in lines)


def _job(name: str, label: str, *lines: str, **more: DeliveryFaults | RunnerFaults | str) -> JobScript:
    return JobScript(name, (label,), _shell(*lines), **more)  # type: ignore[arg-type]


def _never(state: JobState, reason: str, *told: str, conclusion: str | None = None) -> Ending:
    return Ending(state, conclusion, 0, None, reason, told)


def aliases(here: Arch) -> tuple[Alias, ...]:
    """Foreign labels that the play's fleet serves, on a machine of the architecture `here`."""
    return (Alias("legacy-linux-*", f"paddock/cpu=4/arch={here}"),)


def scenes(here: Arch) -> tuple[Scene, ...]:
    """The play, on a machine of the architecture `here`."""
    elsewhere = Arch.ARM64 if here is Arch.X64 else Arch.X64
    mine = f"arch={here}"
    return (
        Scene(
            "acme/shop",
            "ci",
            (
                Part(_job("lint", f"paddock/{mine}", "echo linting; sleep 1", 'test -n "$GITHUB_RUN_ID"')),
                Part(_job("unit", f"paddock/cpu=4/{mine}", "for i in 1 2 3; do echo test $i; sleep 0.8; done")),
                Part(
                    _job(
                        "build",
                        f"paddock/cpu=4/family=c7*/{mine}",
                        'echo "version=1.2.$RANDOM" >> "$GITHUB_ENV"',
                        'test -n "$version" && echo "built $version" | tee artefact.txt',
                        "test -s artefact.txt; sleep 1.8",
                    )
                ),
                Part(_job("report", f"paddock/cpu=8/ram=16/spot=false/{mine}", "seq 1 20000 | sha256sum; sleep 2")),
            ),
        ),
        Scene(
            "acme/shop",
            "matrix",
            tuple(
                Part(
                    _job(
                        f"test ({shard})",
                        f"paddock=matrix/cpu=2/{mine}",
                        f"echo shard {shard}; sleep {1 + 0.4 * shard:.1f}",
                    ),
                    Ending(launches=ANY_LAUNCHES),
                )
                for shard in range(1, 5)
            ),
        ),
        Scene(
            "acme/shop",
            "nightly",
            (
                Part(
                    _job("integration", f"paddock/{mine}/x-n=9", "sleep 1.5; echo 'assert 2 + 2 == 5' && exit 3"),
                    Ending(conclusion="failure"),
                ),
                Part(
                    _job(
                        "flaky machine",
                        f"paddock/{mine}/x-n=1",
                        "echo second try; sleep 1",
                        faults=RunnerFaults(crash_before_session=True),
                    ),
                    Ending(launches=2, told=("relaunch",)),
                ),
            ),
            event="schedule",
        ),
        Scene(
            "acme/shop",
            "deploy",
            (Part(_job("production", f"paddock/{mine}/x-n=2", "echo deployed; sleep 1", environment="production")),),
            cue=Cue.APPROVE,
        ),
        Scene(
            "acme/shop",
            "endless",
            (Part(_job("soak", f"paddock/{mine}/x-n=3", "sleep 600"), Ending(conclusion="cancelled")),),
            cue=Cue.CANCEL_WHEN_RUNNING,
        ),
        Scene(
            "acme/docs",
            "docs",
            (
                Part(
                    _job(
                        "twice told",
                        f"paddock/{mine}/x-n=4",
                        "echo once; sleep 1.2",
                        deliveries=DeliveryFaults(duplicate=frozenset({"queued"})),
                    ),
                    Ending(told=("duplicate",)),
                ),
                Part(
                    _job(
                        "told backwards",
                        f"paddock/{mine}/x-n=5",
                        "echo ok; sleep 1.4",
                        deliveries=DeliveryFaults(held={"in_progress": "completed"}),
                    )
                ),
                Part(
                    _job(
                        "never told",
                        f"paddock/{mine}/x-n=6",
                        "echo found; sleep 1",
                        deliveries=DeliveryFaults(lost=frozenset({"queued"})),
                    ),
                    Ending(told=("adopted",)),
                ),
                Part(
                    _job(
                        "told to nobody",
                        f"paddock/{mine}/x-n=7",
                        "echo again; sleep 1",
                        deliveries=DeliveryFaults(failed=frozenset({"queued"})),
                    )
                ),
                Part(_job("old label", "legacy-linux-4", "echo still works; sleep 1.5")),
            ),
        ),
        Scene(
            "acme/docs",
            "superseded",
            (
                Part(
                    _job(
                        "preview",
                        f"paddock/{mine}/x-n=8",
                        "echo never",
                        deliveries=DeliveryFaults(delayed={"queued": SECOND}),
                    ),
                    _never(JobState.CANCELLED, "", "early", conclusion="cancelled"),
                ),
            ),
            cue=Cue.CANCEL_AT_ONCE,
        ),
        Scene(
            "acme/docs",
            "typos",
            (
                Part(
                    _job("typo", "paddock/cpus=4", "echo never"),
                    _never(JobState.REJECTED, "did you mean cpu=4", "bad_labels"),
                ),
                Part(
                    _job("other planet", f"paddock/arch={elsewhere}", "echo never"),
                    Ending(JobState.REJECTED, None, 0, None, elsewhere.value, ("unsupported",)),
                ),
            ),
        ),
        Scene(
            "acme/open",
            "pull request",
            (
                Part(
                    _job("from a fork", f"paddock/{mine}", "echo never"),
                    _never(JobState.REJECTED, "stranger/open", "fork"),
                ),
            ),
            event="pull_request",
            head_repository="stranger/open",
        ),
        Scene(
            "rival/tools",
            "ci",
            (
                Part(
                    _job("trespasser", f"paddock/{mine}", "echo never"),
                    _never(JobState.REJECTED, "rival/tools is not allowed", "outside_allow_list"),
                ),
            ),
        ),
    )
