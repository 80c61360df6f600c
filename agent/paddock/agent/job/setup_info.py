"""``.setup_info``: what the runner prints in the job's log under "Set up job", so that a developer sees the machine.

The log is read by whoever may read the repository, and by the runner itself: no secret, no command of the runner's.
"""

import json
import os
import re
from pathlib import Path

from paddock.agent.machine.users import User
from paddock.agent.ports import Identity

FILE = ".setup_info"
MAX_LINES = 40
MAX_LINE = 300

_COMMAND = re.compile(r"(?<=:):|(?<=#)#")  # ::set-output…, ##[group]…


def setup_info(
    told: str, identity: Identity, *, runner_version: str = "", agent_version: str = ""
) -> list[dict[str, str]]:
    """The groups of the file.

    Args:
        told: the assignment's text, a fact a line: ``Machine: …``, ``Why: …``.
        identity: what the machine itself knows; said where the assignment says nothing of it.
        runner_version: the version that the Listener gave for itself.
        agent_version: this agent's.
    """
    lines = [clean(line) for line in told.splitlines()[:MAX_LINES]]
    named = {line.partition(":")[0] for line in lines}
    own = {
        "Machine": identity.machine,
        "Type": identity.instance_type,
        "Zone": identity.zone,
        "Region": "" if identity.zone else identity.region,
        "Market": identity.market,
        "Image": identity.image,
    }
    lines += [f"{name}: {clean(fact)}" for name, fact in own.items() if fact and name not in named]
    programs = {"Runner": runner_version, "Agent": f"paddock {agent_version}" if agent_version else ""}
    groups = {
        "Machine": [line for line in lines if line],
        "Programs": [f"{name}: {clean(fact)}" for name, fact in programs.items() if fact],
    }
    return [{"Group": name, "Detail": "\n".join(facts)} for name, facts in groups.items() if facts]


def clean(text: str) -> str:
    """The text on one line, printable, and so that the runner sees no command in it."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return _COMMAND.sub(lambda match: f" {match[0]}", " ".join(printable.split()))[:MAX_LINE]


def write_setup_info(root: Path, groups: list[dict[str, str]], user: User | None = None) -> None:
    """Put the file into the runner's directory, for the job's user to read and to remove.

    Raises:
        OSError: the disk is full.
    """
    path = root / FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if user is not None:
            os.fchown(descriptor, user.uid, user.gid)
        json.dump(groups, file, ensure_ascii=False)
