"""Does the Listener start at all? A missing library shows only as a crash, and that had better be told apart."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from paddock.agent.machine.users import User, run_as
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.settings import LISTENER

_PATIENCE = 30.0  # seconds; a healthy one takes a tenth of one


def check_listener(
    root: Path, environment: Mapping[str, str], *, wanted: str | None = None, user: User | None = None
) -> str:
    """The version the Listener in `root` gives for itself; it must be the `wanted` one, if one is named.

    Raises:
        AgentFailure: `preflight_failed`, with the end of what it printed, or `version_mismatch`.
    """
    try:
        # As the user that it will run as: even so asked, it may write into its directory.
        command = [str(root / LISTENER), "--version"]
        run = run_as(user, command, directory=root, environment=environment, patience=_PATIENCE)
    except OSError as error:
        raise _failed(f"cannot be executed: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise _failed(f"did not answer within {_PATIENCE:.0f} s") from error
    version = run.stdout.decode(errors="replace").strip()
    if run.returncode != 0 or not version:
        tail = (run.stderr or run.stdout).decode(errors="replace").strip()[-800:]
        raise _failed(f"exit code {run.returncode}: {tail}")
    if wanted is not None and version != wanted:
        detail = f"{LISTENER} --version says {version[:100]!r}, the package was to be {wanted}"
        raise AgentFailure(Reason.VERSION_MISMATCH, detail)
    return version[:100]


def _failed(why: str) -> AgentFailure:
    return AgentFailure(Reason.PREFLIGHT_FAILED, f"{LISTENER} --version {why}")
