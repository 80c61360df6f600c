"""The port `Notifier` on a Slack channel: an incoming webhook, whose address is a secret.

Nothing is sent but to where addresses must begin (`BASE`): whoever could set another would hear everything.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.report.text import clean
from paddock.adapters.slack_address import BASE, checked
from paddock.core.errors import AccessDenied, NotFound, Rejected, Throttled, Unavailable
from paddock.core.units import SECOND

MOST: Final = 30_000  # characters; Slack cuts a text at 40,000
CONNECT, READ = 3.0, 10.0  # seconds
_WAIT: Final = 30 * SECOND  # if Slack names no time
_KINDS: Final = {
    HTTPStatus.FORBIDDEN: AccessDenied,
    HTTPStatus.UNAUTHORIZED: AccessDenied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.GONE: NotFound,
}


class SlackNotifier:
    """Posts to the channel of a webhook. One request; the address is read anew for each, for it may be rotated.

    The address appears in no error and no representation: who has it can post.
    """

    def __init__(self, address: Callable[[], str], base: str = BASE) -> None:
        """Args: reads the webhook's address; what it must begin with."""
        self._address = address
        self._base = base

    def tell(self, subject: str, text: str) -> None:
        """See `Notifier`."""
        target, connection = _where(checked(self._address(), self._base))
        shown = f"*{_escaped(clean(subject))}*\n{_escaped(text)}"
        # Slack makes a link of any address, also of one that is a workflow's name; but it fetches nothing from there.
        unfolded = {"unfurl_links": False, "unfurl_media": False}
        body = json.dumps({"text": shown[:MOST], "mrkdwn": True, **unfolded}).encode()
        headers = {"Host": connection.authority, "Content-Type": "application/json"}
        try:
            answer = connection.post(target, headers, body)
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise _refused(answer.status, answer.headers.get("retry-after", ""), answer.body)


def _where(address: str) -> tuple[str, Connection]:
    parts = urlsplit(address)
    base = f"{parts.scheme}://{parts.netloc}"
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return target, Connection(base, connect=CONNECT, read=READ)


def _escaped(text: str) -> str:
    """As Slack wants its three characters: names of workflows must make no link and call nobody (``<!channel>``)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _refused(status: int, wait: str, body: bytes) -> Exception:
    words = f"Slack answered {status}: {clean(body[:100].decode(errors='replace'))}"
    if status in _KINDS:
        words += "; is the webhook still there? If not, make another, and put its address where slack.webhook says"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(words, int(wait) * SECOND if wait.isascii() and wait.isdigit() else _WAIT)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(words)
    return _KINDS.get(HTTPStatus(status), Rejected)(words) if status in set(HTTPStatus) else Rejected(words)
