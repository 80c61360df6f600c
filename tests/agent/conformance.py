"""What the agent's conformance suite needs of a GitHub with runners, whichever it is."""

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import attrs
import yaml

from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import JitConfig

GENUINE = "PADDOCK_GENUINE_RUNNER"
WORKFLOW = Path(__file__).with_name("conformance_workflow.yml")


class Scenario(StrEnum):
    """What a job does: the workflow's choices."""

    SUCCESS = "success"
    FAILURE = "failure"
    LONG = "long"
    IGNORES_SIGINT = "ignores-sigint"
    IGNORES_EVERYTHING = "ignores-everything"
    DAEMONISES = "daemonises"
    FORGES = "forges"
    FLOODS = "floods"


@attrs.frozen
class Outcome:
    """What GitHub says of a job: its status, its conclusion once it has one, who took it."""

    status: str
    conclusion: str | None
    runner_name: str | None


class RunnerWorld(Protocol):
    """A GitHub that gives jobs to runners. ``patience`` is how long (seconds) it may take over anything."""

    patience: float

    def package(self) -> RunnerPackage:
        """The runner package to serve with."""

    def mint(self, name: str, label: str) -> JitConfig:
        """Register a runner with this one label, just in time."""

    def registered(self, runner_id: int) -> bool:
        """True while GitHub knows the registration."""

    def delete(self, runner_id: int) -> None:
        """Take the registration back."""

    def queue(self, scenario: Scenario, label: str, title: str = "build") -> int:
        """Queue a job that only a runner with this label may take; its run's number."""

    def cancel(self, run_id: int) -> None:
        """Cancel the run, as its author would."""

    def outcome(self, run_id: int) -> Outcome:
        """The run's one job as it is now."""

    def close(self) -> None:
        """Let go of everything."""


@cache
def workflow() -> dict[Any, Any]:
    """The workflow as YAML reads it, where the key ``on`` is a truth."""
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def script() -> str:
    """The scenarios' script: the same text in every world."""
    return str(workflow()["jobs"]["build"]["steps"][0]["run"])


@attrs.frozen
class GenuineSettings:
    """Where the genuine runner is tried: a file of JSON or YAML, named by the environment variable.

    ``token_file`` holds a token with administration and actions: write for the repository; ``ref`` is the branch whose
    workflow runs. ``package``: ``version``, ``url``, ``sha256``, ``filename``; left out, GitHub is asked for it.
    """

    github_url: str
    repository: str
    token_file: Path
    ref: str = "main"
    workflow: str = "paddock-conformance.yml"
    package: Mapping[str, str] | None = None


def genuine_settings(text: str) -> GenuineSettings:
    """The settings in a file's text.

    Raises:
        ValueError: naming the field, what stands there, and what would be right.
    """
    data = yaml.safe_load(text)  # JSON is YAML too
    if not isinstance(data, dict):
        shown = type(data).__name__
        raise ValueError(f"found {shown}, wanted an object with github_url, repository and token_file")  # noqa: TRY004
    known = {field.name for field in attrs.fields(GenuineSettings)}
    for name in data:
        if name not in known:
            raise ValueError(f"{name}: unknown; wanted some of {', '.join(sorted(known))}")
    for name in ("github_url", "repository", "token_file"):
        if not isinstance(data.get(name), str) or not data[name]:
            raise ValueError(f"{name}: found {data.get(name)!r}, wanted a text")
    if data["repository"].count("/") != 1:
        raise ValueError(f"repository: found {data['repository']!r}, wanted owner/name")
    package = data.get("package")
    if package is not None:
        parts = ("version", "url", "sha256", "filename")
        if not isinstance(package, dict) or set(package) != set(parts):
            raise ValueError(f"package: found {json.dumps(package)}, wanted an object with {', '.join(parts)}")
    return GenuineSettings(**{**data, "token_file": Path(data["token_file"])})


def chosen() -> GenuineSettings | None:
    """The genuine world's settings, if the environment names them."""
    path = os.environ.get(GENUINE, "")
    return genuine_settings(Path(path).read_text(encoding="utf-8")) if path else None
