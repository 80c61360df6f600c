"""Workflow files, as far as the stand-in can run them: shell steps, a matrix of one key, inputs, pushes and dispatches.

Whatever else a file has is refused, so that nothing is run otherwise than GitHub would run it.
Source: docs.github.com, "Workflow syntax for GitHub Actions".
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import attrs
import yaml

from paddock.adapters.memory.github import JobScript, Step

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_VALUE = re.compile(r"(inputs|matrix)\.([A-Za-z0-9_-]+)")
_TOP = frozenset({"name", "run-name", "on", "permissions", "jobs"})
_JOB = frozenset({"name", "runs-on", "timeout-minutes", "strategy", "steps"})
_STEP = frozenset({"name", "run"})


class UnknownWorkflow(ValueError):  # noqa: N818 - a text for whoever wrote the file
    """The file is wrong, or has something that the stand-in does not run."""


@attrs.frozen
class Workflow:
    """A file that was read. ``dispatch`` are the inputs by name, and whether each is required; None: not by hand."""

    name: str
    title: str
    dispatch: Mapping[str, bool] | None
    push: Mapping[str, Any] | None
    jobs: Mapping[str, Mapping[str, Any]]

    def starts_on_push(self, branch: str, path: str) -> bool:
        """Whether a push of this file alone to this branch starts it."""
        if self.push is None:
            return False
        return all(
            any(fnmatchcase(value, pattern) for pattern in self.push.get(key, [value]))
            for key, value in (("branches", branch), ("paths", path))
        )

    def run_name(self, inputs: Mapping[str, str]) -> str:
        """The title of a run with these inputs."""
        return _filled(self.title, inputs, {})

    def scripts(self, inputs: Mapping[str, str]) -> list[JobScript]:
        """The jobs of a run with these inputs, each of a matrix by itself."""
        return [script for name, job in self.jobs.items() for script in _scripts(name, job, inputs)]


def read_workflow(text: str) -> Workflow:
    """A workflow file.

    Raises:
        UnknownWorkflow: it cannot be run here.
    """
    try:
        whole = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise UnknownWorkflow(f"it is no YAML: {problem}") from None
    if not isinstance(whole, dict):
        raise UnknownWorkflow("it is no mapping")
    whole = {"on" if key is True else key: value for key, value in whole.items()}  # YAML 1.1 takes `on` for true
    _check("workflow", whole, _TOP)
    triggers = whole.get("on") or {}
    _check("on", triggers, {"workflow_dispatch", "push"})
    dispatch = None
    if "workflow_dispatch" in triggers:
        inputs = (triggers["workflow_dispatch"] or {}).get("inputs") or {}
        dispatch = {name: bool(one.get("required")) for name, one in inputs.items()}
    for job in whole["jobs"].values():
        _check("job", job, _JOB)
        for step in job["steps"]:
            _check("step", step, _STEP)
    return Workflow(
        name=str(whole["name"]),
        title=str(whole.get("run-name", "")),
        dispatch=dispatch,
        push=(triggers["push"] or {}) if "push" in triggers else None,
        jobs=whole["jobs"],
    )


def _check(what: str, given: object, known: frozenset[str] | set[str]) -> None:
    if not isinstance(given, dict):
        raise UnknownWorkflow(f"{what} is no mapping")
    for key in given:
        if key not in known:
            raise UnknownWorkflow(f"{what} has {key!r}, which the stand-in does not run")


def _scripts(name: str, job: Mapping[str, Any], inputs: Mapping[str, str]) -> Iterator[JobScript]:
    matrix = job.get("strategy", {}).get("matrix", {})
    if len(matrix) > 1:
        raise UnknownWorkflow("a matrix has more than one key")
    cells = [{key: str(value)} for key, values in matrix.items() for value in values] or [{}]
    for cell in cells:
        usual = f"{name} ({', '.join(cell.values())})" if cell else name
        labels = job["runs-on"]
        yield JobScript(
            _filled(str(job.get("name", usual)), inputs, cell),
            tuple(_filled(str(label), inputs, cell) for label in (labels if isinstance(labels, list) else [labels])),
            tuple(Step(str(step.get("name", "Run")), _filled(step["run"], inputs, cell)) for step in job["steps"]),
        )


def _filled(text: str, inputs: Mapping[str, str], matrix: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        known = _VALUE.fullmatch(found[1])
        if known is None:
            raise UnknownWorkflow(f"the stand-in does not work out {found[0]}")
        return {"inputs": inputs, "matrix": matrix}[known[1]].get(known[2], "")

    return _EXPRESSION.sub(value, text)
