"""The address of a Slack channel's webhook: what it must look like. Apart, for who reads paddock.yml posts nothing."""

import re
from typing import Final

from paddock.core.errors import InvalidInput

BASE: Final = "https://hooks.slack.com/"
BASES: Final = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|http://(?:127\.0\.0\.1|localhost))(?::\d{1,5})?/(?:[A-Za-z0-9._~-]+/)*"
)
"""What a beginning must look like: TLS, but on the same machine, and a slash in the end, so that it is a whole host."""


def checked(address: str, base: str = BASE) -> str:
    """The address, if a webhook can have it.

    Raises:
        InvalidInput: it does not begin with ``base``, or cannot be asked for. The error does not repeat it.
    """
    if not address.startswith(base) or len(address) == len(base) or not re.fullmatch(r"[!-~]+", address):
        right = f"must be the address of an incoming webhook, {base}…: make one at Slack, or set slack.base to its host"
        raise InvalidInput("slack.webhook", f"(a secret of {len(address)} characters)", right)
    return address
