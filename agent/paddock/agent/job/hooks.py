"""Whose job it is, told by the runner's own hooks: two tiny scripts that leave a note for the agent.

::

    the runner ──> started.sh ──> work/facts/started ──> the agent reads it, as a text that anybody may have written
                       └────> the image's own hook, if there is one: from there on its end decides

GitHub gives a job to any runner whose labels match, so what the assignment says of the job may be wrong. The note is no
evidence either (the job can write it), but it is the only word that is there before GitHub's. The scripts stand between
a job and its first step: they fail for nothing, wait for nothing and print nothing.
"""

import contextlib
import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.machine.users import User, make_for

STARTED, COMPLETED = "started", "completed"
VARIABLES = {
    "repository": "GITHUB_REPOSITORY",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
    "runner_name": "RUNNER_NAME",
    "job": "GITHUB_JOB",
    "workflow": "GITHUB_WORKFLOW",  # last: the one that may hold anything, so that it cannot go before another
}
MAX_NOTE = 8_192  # bytes
MAX_NAME = 200

_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_JOB = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the job says it is. ``job`` is the key in the workflow's file, ``workflow`` its name: hostile text."""

    repository: str
    run_id: int
    run_attempt: int | None = None
    job: str = ""
    workflow: str = ""


class Hooks:
    """The two hooks of one machine."""

    def __init__(self, work: Path, *, started: Path | None = None, completed: Path | None = None) -> None:
        """Args: the machine's work directory; the image's own hooks, which run after ours and may fail the job.

        Raises:
            ValueError: a hook is not there.
        """
        for name, hook in (("hooks_started", started), ("hooks_completed", completed)):
            if hook is not None and not (hook.is_absolute() and hook.is_file()):
                raise ValueError(f"{name}: found '{hook}', wanted the absolute path of a script that is there")
        self._work = work
        self._own = {STARTED: started, COMPLETED: completed}
        self._facts: JobFacts | None = None

    def install(self, user: User | None = None) -> Mapping[str, str]:
        """Write the scripts, and the directory for their notes; what the Listener's environment needs.

        Raises:
            OSError: they are there already, or the disk is full.
        """
        scripts, notes = self._work / "hooks", self._work / "facts"
        scripts.mkdir(mode=0o755)
        scripts.chmod(0o755)  # whatever our mask says: the job's user runs them (and may replace them, to its own harm)
        make_for(user, notes)
        for event, own in self._own.items():
            path = scripts / f"{event}.sh"
            path.write_text(script(notes, event, own), encoding="utf-8")
            path.chmod(0o755)
        return {
            "ACTIONS_RUNNER_HOOK_JOB_STARTED": str(scripts / f"{STARTED}.sh"),
            "ACTIONS_RUNNER_HOOK_JOB_COMPLETED": str(scripts / f"{COMPLETED}.sh"),
        }

    def facts(self, runner_name: str = "") -> JobFacts | None:
        """What the first note said; None as long as there is none, or if it is not one of this runner's.

        Once told, it stays: what the job writes later changes nothing.
        """
        if self._facts is None:
            self._facts = _read(self._note(STARTED), runner_name)
        return self._facts

    def completed(self) -> bool:
        """True if the job ran to its regular end, as far as it says."""
        return self._note(COMPLETED) is not None

    def _note(self, event: str) -> str | None:
        """The text of a note. The job may have put anything there: a link, a pipe, a device, something endless."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.ExitStack() as opened:
            try:
                here = os.open(self._work, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                opened.callback(os.close, here)
                notes = os.open("facts", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                opened.callback(os.close, notes)
                note = os.open(event, flags, dir_fd=notes)
                opened.callback(os.close, note)
                found = os.fstat(note)
                if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > MAX_NOTE:
                    return None
                return os.read(note, MAX_NOTE).decode("utf-8", errors="replace")
            except OSError:
                return None


def script(notes: Path, event: str, own: Path | None = None) -> str:
    """One hook: leaves its note, whole or not at all, then becomes the image's own hook if there is one."""
    note = shlex.quote(str(notes / event))
    lines = " ".join(shlex.quote(f"{name}=%s\n").replace("\n", r"\n") for name in VARIABLES).replace("' '", "")
    values = " ".join(f'"${{{variable}-}}"' for variable in VARIABLES.values())
    text = f"""#!/bin/sh
# Leaves a note for the machine's agent. It must not fail and not wait: the job does.
(
  umask 077
  printf {lines} {values} > {note}.$$ && mv -f {note}.$$ {note}
) </dev/null >/dev/null 2>&1 || :
"""
    if own is not None:
        hook = shlex.quote(str(own))
        text += f"""# The image's own hook. Its end is its own to choose.
if [ -x {hook} ]; then exec {hook}; fi
if command -v bash >/dev/null 2>&1; then exec bash -e {hook}; fi
exec sh -e {hook}
"""
    else:
        text += "exit 0\n"
    return text


def _read(note: str | None, runner_name: str) -> JobFacts | None:
    """The facts in a note, by the first line for each; None if it does not say at least which run it is."""
    said: dict[str, str] = {}
    for line in (note or "").split("\n"):
        name, equals, value = line.partition("=")
        if equals and name in VARIABLES:
            said.setdefault(name, value)
    repository, run_id, attempt = said.get("repository", ""), said.get("run_id", ""), said.get("run_attempt", "")
    if _REPOSITORY.fullmatch(repository) is None or _NUMBER.fullmatch(run_id) is None:
        return None
    if runner_name and said.get("runner_name") != runner_name:
        return None
    job = said.get("job", "")
    return JobFacts(
        repository=repository,
        run_id=int(run_id),
        run_attempt=int(attempt) if _NUMBER.fullmatch(attempt) else None,
        job=job if _JOB.fullmatch(job) else "",
        workflow="".join(char if char.isprintable() else " " for char in said.get("workflow", ""))[:MAX_NAME],
    )
