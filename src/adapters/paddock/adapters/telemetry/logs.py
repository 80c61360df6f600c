"""A structured log: one JSON object per line, with what the line is about, and never with a secret.

Whoever handles something says what it is about, once, and every line meanwhile bears it: also lines of libraries.
Whatever becomes a line is `written`, which alone looks for secrets: no text gets by it.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import MappingProxyType
from typing import Final

from paddock.core.decision import Fact
from paddock.core.messages import JobObserved, JobRequested, MachineChanged, MachineWarned, RunCompleted, RunnerReported
from paddock.core.units import SECOND

FACTS: Final = "facts"
"""The key of ``extra`` under which a call may hand over values of its own."""

JOB: Final = "job"
ATTEMPT: Final = "attempt"
MACHINE: Final = "machine"
DELIVERY: Final = "delivery"
BATCH: Final = "batch"

_ABOUT: ContextVar[Mapping[str, Fact]] = ContextVar("about", default=MappingProxyType({}))
_EACH: ContextVar[Mapping[Fact, Mapping[str, Fact]]] = ContextVar("each", default=MappingProxyType({}))

# What bears such a name, as a header, a field or an element, has no shape of its own.
_NAMED: Final = r"(?i:authorization|x-amz-security-token|session_?token|secret_?access_?key)"
# Sources: "GitHub's token formats"; RFC 7468; RFC 7519; "Understanding unique ID prefixes" and "Signature Version 4"
# of AWS. A just-in-time configuration is JSON in base64: it begins with eyI, and the files that lie in it with eyJ. A
# webhook's secret has no shape: it is kept out of every error instead. Quotes may be escaped, as in JSON within JSON; a
# value ends where its own quote does, or never.
_SECRETS: Final = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[oprsu]_|github_pat_)[A-Za-z0-9_]{16,}(?:\.[A-Za-z0-9_.-]+)?"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
    r"|ey[IJ][A-Za-z0-9+/_-]{37,}={0,2}"
    r"|https://hooks\.slack\.com/[a-z]+/\S+"
    r"|(?<=Signature=)[0-9a-f]{64}"
    r"|(?P<header>(?i:authorization)\s*[:=][ \t]*)\S.*"
    rf"|(?P<quoted>{_NAMED}(?:\\*['\"]\s*,|\\*['\"]?\s*[:=])\s*[\[(]?[bu]?(?P<quote>\\*['\"]))"
    r"(?:(?!(?<!\\)(?P=quote)).)*"
    rf"|(?P<word>{_NAMED}\s*[:=]\s*)\S+"
    rf"|(?P<element>{_NAMED}(?:>|&gt;))[^<]+"
)
_NAME: Final = rf"(?i:(?:proxy-|aws_)?{_NAMED})"
_HIDDEN: Final = "[secret]"
_INSTEAD: Final = rf"\g<quoted>\g<header>\g<word>\g<element>{_HIDDEN}"
# One of these is in small letters in everything that looks like a secret, and JSON writes them as they are: no quote is
# among them. To look for them takes a small part of the time, and nearly no line has one.
_HINTS: Final = (
    *("private key-----", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hooks.slack.com"),
    *("eyi", "eyj", "signature=", "authorization", "x-amz-security-token", "sessiontoken", "session_token"),
    *("secretaccess", "secret_access"),
)


@contextmanager
def about(**fields: Fact) -> Iterator[None]:
    """Inside the block every line bears these fields besides those of the blocks around it."""
    token = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


@contextmanager
def about_each(several: Iterable[Mapping[str, Fact]]) -> Iterator[None]:
    """Inside the block a line about one of these jobs bears what is said of that: for what is handled together."""
    token = _EACH.set({fields[JOB]: fields for fields in several if JOB in fields})
    try:
        yield
    finally:
        _EACH.reset(token)


def subjects(message: object) -> Mapping[str, Fact]:
    """What a message is about: job, attempt, machine, delivery, run, as far as it says; for `about`."""
    match message:
        case JobRequested() | JobObserved():
            job = message.job
            found: dict[str, Fact] = {JOB: job.job_id, ATTEMPT: job.run_attempt, DELIVERY: message.delivery}
        case RunCompleted():
            found = {"run": message.run_id, ATTEMPT: message.run_attempt, DELIVERY: message.delivery}
        case RunnerReported():
            # Run and attempt are the word of the job's own hook, and no proof of anything.
            run, attempt = message.run_id, message.run_attempt
            found = {MACHINE: message.machine, JOB: message.job_id, "run": run, ATTEMPT: attempt}
        case MachineWarned() | MachineChanged():
            found = {MACHINE: message.machine}
        case _:
            found = {}
    return {name: value for name, value in found.items() if value not in {"", None}}


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compiled when a line first needs it: nearly none does, and each start of a function would pay for it."""
    return re.compile(text, re.DOTALL)


def without_secrets(text: str) -> str:
    """The text, and in the place of whatever looks like a key or a token a word that says so."""
    return _pattern(_SECRETS).sub(_INSTEAD, text) if _hinted(text) else text


def _hinted(text: str) -> bool:
    small = text.lower()
    return any(hint in small for hint in _HINTS)


def present(job: Fact = None) -> Mapping[str, Fact]:
    """What `about` says now, and `about_each` of this job. What is said of another job's attempt is left out."""
    fields = _ABOUT.get()
    if job is None:
        return fields
    if fields.get(JOB, job) != job:
        fields = {name: value for name, value in fields.items() if name not in {JOB, ATTEMPT, "run"}}
    return {**fields, **_EACH.get().get(job, {})}


def together() -> Mapping[str, object]:
    """What is said of each of those that are handled together, for a line that is about all of them: under `BATCH`."""
    each = _EACH.get()
    return {BATCH: [dict(fields) for fields in each.values()]} if each and JOB not in _ABOUT.get() else {}


def written(fields: Mapping[str, object]) -> str:
    """The fields as one line of ASCII, without its end; no text in it looks like a secret, be it a value or a name."""
    line = json.dumps(fields, separators=(",", ":"), default=str)
    if not _hinted(line):
        return line
    return json.dumps(_clean(fields), separators=(",", ":"))


def _clean(value: object) -> object:
    if isinstance(value, Mapping):
        return {without_secrets(str(name)): _clean_as(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    if value is None or isinstance(value, int | float):
        return value
    return without_secrets(value if isinstance(value, str) else str(value))


def _clean_as(name: str, value: object) -> object:
    return _HIDDEN if value is not None and _pattern(_NAME).fullmatch(name) else _clean(value)


class JsonLines(logging.Formatter):
    """One JSON object per line: ``at`` (microseconds since 1970), ``level``, ``logger``, ``message``.

    Besides ``traceback`` if there is one, the fields of `about`, or of all that are handled together, and the call's
    own values under ``facts``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII, without its end."""
        line: dict[str, object] = {
            **present(),
            **together(),
            "at": int(record.created * SECOND),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        facts = getattr(record, FACTS, None)
        if isinstance(facts, Mapping):
            line[FACTS] = {str(name): value for name, value in facts.items()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return written(line)
