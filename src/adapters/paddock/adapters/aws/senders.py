"""Who sent a message: SQS writes the sender's identity on it, and no text of the message can change that.

For a machine that is ``<role id>:<instance id>``, its ``aws:userid``: the name of an instance's session is its id, and
the role's id is EC2's alone to hand out. Source: "Amazon SQS API Reference", ``ReceiveMessage``, ``SenderId``.
"""

import re
from typing import Final

_MACHINE: Final = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?")


def machine_of(sender: str, role_id: str) -> str | None:
    """The machine that sent it; None if it was none of ours.

    Args:
        sender: the attribute ``SenderId``.
        role_id: the unique id of the machines' role (``AROA…``).
    """
    role, _, session = sender.partition(":")
    return session if role == role_id and _MACHINE.fullmatch(session) else None
