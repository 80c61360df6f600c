"""A structured log: one JSON object per line, with what the line is about, and never with a secret.

Whoever handles something says what it is about, once, and every line meanwhile bears it: also lines of libraries.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

from paddock.core.decision import Fact
from paddock.core.messages import JobObserved, JobRequested, MachineChanged, MachineWarned, RunCompleted, RunnerReported
from paddock.core.units import SECOND

FACTS: Final = "facts"
"""The key of ``extra`` under which a call may hand over values of its own."""

_ABOUT: ContextVar[Mapping[str, Fact]] = ContextVar("about", default=MappingProxyType({}))

# Sources: "GitHub's token formats"; RFC 7468; RFC 7519; "Understanding unique ID prefixes" and "Signature Version 4"
# of AWS. A webhook's secret has no shape: it is kept out of every error instead.
_SECRETS: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[oprsu]_|github_pat_)[A-Za-z0-9_]{16,}(?:\.[A-Za-z0-9_.-]+)?"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
    r"|https://hooks\.slack\.com/[a-z]+/\S+"
    r"|(?<=Authorization: )\S.*"
    r"|(?<=Signature=)[0-9a-f]{64}"
    r"|(?<=X-Amz-Security-Token[=:])\S+",
    re.DOTALL,
)
_HIDDEN: Final = "[secret]"


@contextmanager
def about(**fields: Fact) -> Iterator[None]:
    """Inside the block every line bears these fields besides those of the blocks around it."""
    token = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def subjects(message: object) -> Mapping[str, Fact]:
    """What a message is about: job, attempt, machine, delivery, run, as far as it says; for `about`."""
    match message:
        case JobRequested() | JobObserved():
            job = message.job
            found: dict[str, Fact] = {"job": job.job_id, "attempt": job.run_attempt, "delivery": message.delivery}
        case RunCompleted():
            found = {"run": message.run_id, "attempt": message.run_attempt, "delivery": message.delivery}
        case RunnerReported():
            # Run and attempt are the word of the job's own hook, and no proof of anything.
            run, attempt = message.run_id, message.run_attempt
            found = {"machine": message.machine, "job": message.job_id, "run": run, "attempt": attempt}
        case MachineWarned() | MachineChanged():
            found = {"machine": message.machine}
        case _:
            found = {}
    return {name: value for name, value in found.items() if value not in {"", None}}


def without_secrets(text: str) -> str:
    """The text, and in the place of whatever looks like a key or a token a word that says so."""
    return _SECRETS.sub(_HIDDEN, text)


def present() -> Mapping[str, object]:
    """What `about` says now."""
    return {name: clean(value) for name, value in _ABOUT.get().items()}


def clean(value: object) -> object:
    """The value, `without_secrets` if it is a text."""
    return without_secrets(value) if isinstance(value, str) else value


class JsonLines(logging.Formatter):
    """One JSON object per line: ``at`` (microseconds since 1970), ``level``, ``logger``, ``message``.

    Besides ``traceback`` if there is one, the fields of `about`, and the call's own values under ``facts``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII, without its end."""
        line: dict[str, object] = dict(present())
        line |= {
            "at": int(record.created * SECOND),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        facts = getattr(record, FACTS, None)
        if isinstance(facts, Mapping):
            line[FACTS] = {str(name): clean(value) for name, value in facts.items()}
        if record.exc_info:
            line["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, separators=(",", ":"), default=str)
