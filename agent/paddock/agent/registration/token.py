"""Registration by token: for a machine that got no just-in-time configuration.

The Listener itself is asked (``bin/Runner.Listener configure``), not ``config.sh``: the script adds a check of native
libraries, which the pre-flight has made, a refusal of root, which is ours to decide, and a shell between the program
and whoever has to end it. The token goes by the environment, because anybody can read a command line.

``--disableupdate`` and ``--no-default-labels`` make of it what a JIT configuration makes: an ephemeral runner with
exactly the job's labels, of the version that was verified.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.assignment import Assignment, Registration
from paddock.agent.machine.clock import SECOND
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.program import Ran, Run
from paddock.agent.settings import LISTENER

TOKEN = "ACTIONS_RUNNER_INPUT_TOKEN"  # noqa: S105 - the variable's name
PATIENCE = 60 * SECOND  # for one try; a healthy one takes some seconds
PATIENCE_BACK = 10 * SECOND  # to take it back: the report waits for that
TRIES = 2
MAX_DETAIL = 800  # characters of what it printed last
MAX_SETTINGS = 65_536  # bytes of .runner

_NETWORK = r"Name or service not known|Resource temporarily unavailable|Connection (?:refused|reset|timed out)"
_MEANINGS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"Runner version v?\S+ is deprecated"), Reason.VERSION_TOO_OLD),
    (re.compile(r"clock may be out of sync with the server time"), Reason.CLOCK_SKEW),
    (re.compile(r"A runner exists with the same name"), Reason.RUNNER_NAME_TAKEN),
    (re.compile(r"Could not find any self-hosted runner group"), Reason.RUNNER_GROUP_UNKNOWN),
    (re.compile(r"does not support configuring a self-hosted runner with 'Ephemeral'"), Reason.NOT_EPHEMERAL),
    (re.compile(r"No space left on device"), Reason.LOW_DISK),
    (re.compile(r"Http response code: (?:Unauthorized|Forbidden|NotFound)\b"), Reason.REGISTRATION_REFUSED),
    (re.compile(r"status code does not indicate success: 40[134]\b"), Reason.REGISTRATION_REFUSED),
    (re.compile(r"Invalid configuration provided for token"), Reason.REGISTRATION_REFUSED),
    (re.compile(r"status code does not indicate success: (?:408|429|5\d\d)\b"), Reason.REGISTRATION_UNREACHABLE),
    (re.compile(_NETWORK, re.IGNORECASE), Reason.REGISTRATION_UNREACHABLE),
)
"""What the program prints, and what it means. The first that fits counts: the more telling ones come first."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program noted in ``.runner``."""

    agent_id: int
    agent_name: str
    ephemeral: bool


def configure(assignment: Assignment, root: Path, *, run: Run, environment: Mapping[str, str]) -> int:
    """Register the runner in `root` by the assignment's token; the number GitHub gave it.

    A try that got no answer may have registered the runner all the same, so the second one replaces it: the name is
    this machine's own, with a suffix that was never used before.

    Args:
        assignment: one with a ``registration``.
        root: the runner's directory, unpacked.
        run: runs a program as the user the runner will have.
        environment: what any program of the package needs; the token is added to it.

    Raises:
        AgentFailure: with the reason that GitHub's or the program's words give; never with the token in it.
    """
    registration = assignment.registration
    if registration is None:
        raise AgentFailure(Reason.BAD_ASSIGNMENT, "registration: found nothing, wanted an object, or a jit_config")
    for attempt in range(1, TRIES + 1):
        options = _options(assignment, registration, replace=attempt > 1)
        ran = _run(("configure", *options), root, registration, run, environment)
        if ran.exit_code == 0:
            break
        reason = meaning(ran)
        if reason is not Reason.REGISTRATION_UNREACHABLE or attempt == TRIES:
            raise AgentFailure(reason, _words(ran, registration.token))
    settings = read_settings(root)
    if settings.agent_name != assignment.runner_name:
        detail = f".runner: found AgentName {settings.agent_name!r}, wanted {assignment.runner_name!r}"
        raise AgentFailure(Reason.REGISTRATION_FAILED, detail)
    if not settings.ephemeral:
        raise AgentFailure(Reason.NOT_EPHEMERAL, ".runner: Ephemeral is not set, so it would take more than one job")
    return settings.agent_id


def unregister(registration: Registration | None, root: Path, *, run: Run, environment: Mapping[str, str]) -> bool:
    """Take the registration of a runner that never had a job back; True if that was done. Never raises an error.

    A runner that had its job is unregistered by GitHub, and has no ``.runner`` any more. A just-in-time registration
    cannot be taken back from here: the fleet deletes it.
    """
    if registration is None or not (root / ".runner").is_file():
        return False
    try:
        return _run(("remove",), root, registration, run, environment, PATIENCE_BACK).exit_code == 0
    except AgentFailure:
        return False


def _run(
    arguments: tuple[str, ...],
    root: Path,
    registration: Registration,
    run: Run,
    environment: Mapping[str, str],
    patience: int = PATIENCE,
) -> Ran:
    try:
        with_token = {**environment, TOKEN: registration.token}
        return run((str(root / LISTENER), *arguments), directory=root, environment=with_token, patience=patience)
    except OSError as error:
        detail = f"{LISTENER} {arguments[0]} cannot be executed: {error.strerror}"
        raise AgentFailure(Reason.REGISTRATION_FAILED, detail) from None


def _options(assignment: Assignment, registration: Registration, *, replace: bool) -> tuple[str, ...]:
    for label in assignment.labels:
        if "," in label:
            raise AgentFailure(Reason.BAD_ASSIGNMENT, f"labels: found {label!r}, wanted labels without a comma")
    options = ("--unattended", "--ephemeral", "--disableupdate", "--no-default-labels")
    values = ["--url", registration.url, "--name", assignment.runner_name, "--labels", ",".join(assignment.labels)]
    values += ["--work", "_work"]
    if registration.group:
        values += ["--runnergroup", registration.group]
    for value in values[1::2]:
        if value.startswith("--"):  # it would be read as an option of its own
            raise AgentFailure(Reason.BAD_ASSIGNMENT, f"registration: found {value!r}, wanted a value without dashes")
    return (*options, *values, *(("--replace",) if replace else ()))


def meaning(ran: Ran) -> Reason:
    """Why the program did not register the runner."""
    if ran.exit_code is None:
        return Reason.REGISTRATION_UNREACHABLE
    found = next((reason for pattern, reason in _MEANINGS if pattern.search(ran.output)), None)
    return found or Reason.REGISTRATION_FAILED


def _words(ran: Ran, token: str) -> str:
    how = f"had not ended after {PATIENCE // SECOND} s" if ran.exit_code is None else f"exit code {ran.exit_code}"
    said = " | ".join(line.strip() for line in ran.output.replace(token, "***").splitlines() if _tells(line))
    return f"{LISTENER} configure: {how}: {said[-MAX_DETAIL:]}"


def _tells(line: str) -> bool:
    """True unless the line belongs to the program's banner."""
    return any(char.isalnum() for char in line) and not line.startswith(("|", "#"))


def read_settings(root: Path) -> Settings:
    """What stands in ``.runner``; .NET writes numbers and truths also as texts, names in any spelling, and a BOM.

    Raises:
        AgentFailure: `registration_failed`: it is missing or makes no sense.
    """
    try:
        descriptor = os.open(root / ".runner", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = json.loads(file.read(MAX_SETTINGS).decode("utf-8-sig"))
    except OSError as error:
        raise AgentFailure(Reason.REGISTRATION_FAILED, f".runner: {error.strerror}, wanted a file") from None
    except (ValueError, RecursionError):
        raise AgentFailure(Reason.REGISTRATION_FAILED, ".runner: found no JSON") from None
    if not isinstance(data, dict):
        raise AgentFailure(Reason.REGISTRATION_FAILED, ".runner: wanted a JSON object")
    found = {str(name).casefold(): value for name, value in data.items()}
    agent_id = str(found.get("agentid", ""))
    if not (agent_id.isascii() and agent_id.isdigit() and int(agent_id[:20])):
        raise AgentFailure(Reason.REGISTRATION_FAILED, f".runner: found AgentId {agent_id[:40]!r}, wanted a number")
    ephemeral = str(found.get("ephemeral", "")).casefold() == "true"
    return Settings(int(agent_id[:20]), str(found.get("agentname", ""))[:200], ephemeral)
