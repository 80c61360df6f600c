"""What the agent is at, on the disk, so that whoever comes after a sudden death can tell the truth about it.

::

    state.json        being written while the agent lives
    state.told.json   the same file, renamed once the final report is in safe hands

The final report itself stands in it *before* it is told for the first time. So whenever the agent is killed, the last
words are either that very report again (a duplicate, equal in every field), or, if no end was decided yet, that the
agent died. They never contradict a report that went out.
"""

import contextlib
import os
import threading
from dataclasses import fields
from pathlib import Path

from paddock.agent.reasons import Reason
from paddock.agent.telling.files import read_object, write_json
from paddock.agent.telling.report import Event, Report, Result

STATE = "state.json"
TOLD = "state.told.json"
_STANDBY = "standby"  # the phase of a pool's machine that waits for orders: to end there is no failure


class StateFile:
    """Keeps the state of one machine's agent. No method raises: a full disk must not end a job."""

    def __init__(self, directory: Path) -> None:
        """Args: the machine's directory."""
        self._path = directory / STATE
        self._told = directory / TOLD
        self._lock = threading.Lock()
        self._phase = ""
        self._facts: dict[str, object] = {}
        self._final: dict[str, object] | None = None
        self._over = False

    def note(self, phase: str, **facts: object) -> None:
        """The agent is in this phase now; `facts` are fields of `Report`, such as machine, job_id, runner_id."""
        with self._lock:
            self._phase = phase
            self._facts |= facts
            self._write()

    def telling(self, data: dict[str, object], *, final: bool) -> None:
        """This report is about to be told. To be called before it is."""
        with self._lock:
            self._facts |= data
            if final:
                self._final = dict(data)
            self._write()

    def told(self) -> None:
        """The final report is on the disk, or delivered: nothing is left to say. A rename needs no room."""
        with self._lock, contextlib.suppress(OSError):
            self._over = True
            self._path.replace(self._told)

    def _write(self) -> None:
        if self._over:
            return
        with contextlib.suppress(OSError, TypeError, ValueError):
            write_json(self._path, {"phase": self._phase, "facts": self._facts, "final": self._final})


def last_words(directory: Path, now: int, *, lived: str = "") -> Report | None:
    """The report that the machine's agent still owes, after it has gone.

    Args:
        directory: the machine's.
        now: the moment to report at, microseconds.
        lived: the machine's id, if an agent surely lived here, so that it died even if it left no trace.

    Returns:
        None if the final report was made, if no agent has lived here, or if it waited in a pool for orders.
        Else the final report as it was decided, or one with the reason `agent_died`: ``finished`` and interrupted if a
        job had begun, else ``failed_to_start``. What cannot be read is left out, never guessed.
    """
    try:
        state = read_object(directory / STATE)
    except (OSError, ValueError):
        if not lived or any(os.path.lexists(directory / name) for name in (STATE, TOLD)):
            return None
        state = {"facts": {"machine": lived}}
    final = state.get("final")
    if isinstance(final, dict):
        told = _report(final)
        if told is not None:
            return told
    if state.get("phase") == _STANDBY:
        return None
    facts = state.get("facts")
    known = facts if isinstance(facts, dict) else {}
    began = type(known.get("started_at")) is int
    died = {
        "event": Event.FINISHED if began else Event.FAILED_TO_START,
        "result": Result.INTERRUPTED if began else Result.FAILED_TO_START,
        "reason": Reason.AGENT_DIED.value,
        "interrupted_by": Reason.AGENT_DIED.value,
        "detail": f"the agent was gone, last seen in phase {str(state.get('phase') or 'unknown')[:40]}",
        "conclusion": None,
        "exit_code": None,
        "at": now,
    }
    blank = {"machine": directory.name, "job_id": 0, "launch": 0, "runner_name": ""}
    return _report({**blank, **known, **died}) or _report({**blank, **died})


def known_job(directory: Path) -> int | None:
    """Whose log it is that an agent left here, 0 if it had no orders yet; None if none has lived here."""
    for name in (STATE, TOLD):
        try:
            facts = read_object(directory / name).get("facts")
        except (OSError, ValueError):
            continue
        job = facts.get("job_id") if isinstance(facts, dict) else None
        return job if type(job) is int else 0
    return None


def _report(data: dict[str, object]) -> Report | None:
    """The report that the data describes; None if they describe none."""
    known = {field.name for field in fields(Report)}
    found = {name: value for name, value in data.items() if name in known}
    try:
        found["event"] = Event(str(found["event"]))
        result = found.get("result")
        found["result"] = None if result is None else Result(str(result))
        report = Report(**found)  # type: ignore[arg-type]  # checked just below
    except (KeyError, TypeError, ValueError):
        return None
    return report if _is_sound(report) else None


def _is_sound(report: Report) -> bool:
    """True if every field has its type: the file may be older than this program, or damaged."""
    texts = (report.machine, report.runner_name, report.job_name, report.reason, report.detail, report.repository)
    numbers = (report.job_id, report.launch, report.at)
    maybe = (report.exit_code, report.ready_at, report.started_at, report.finished_at)
    ids = (report.runner_id, report.run_id, report.run_attempt)
    words = (report.conclusion, report.interrupted_by)
    return (
        all(isinstance(text, str) for text in texts)
        and all(type(number) is int for number in numbers)
        and all(number is None or type(number) is int for number in (*maybe, *ids))
        and all(word is None or isinstance(word, str) for word in words)
        and all(isinstance(table, dict) for table in (report.phases, report.peaks))
        and all(type(span) is int for table in (report.phases, report.peaks) for span in table.values())
    )
