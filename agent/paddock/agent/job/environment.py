"""The Listener's environment: explicit, complete, and nothing of the agent's own. The job's steps inherit all of it."""

from collections.abc import Mapping
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARKER = "PADDOCK_MACHINE"


def marker(machine: str) -> str:
    """The entry that every process of this machine's job carries, so that even those that ran away are found."""
    return f"{MARKER}={machine}"


def base_environment(home: Path, tmp: Path) -> dict[str, str]:
    """What any program of the runner package needs."""
    return {"PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(tmp)}


def listener_environment(
    *, machine: str, jit_config: str, home: Path, tmp: Path, tool_cache: Path | None = None
) -> Mapping[str, str]:
    """The whole environment of the Listener. The secret travels here because a command line can be read by anybody."""
    environment = {
        **base_environment(home, tmp),
        "ACTIONS_RUNNER_INPUT_JITCONFIG": jit_config,
        MARKER: machine,
    }
    if tool_cache is not None:
        environment["RUNNER_TOOL_CACHE"] = str(tool_cache)
    return environment
