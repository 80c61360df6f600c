"""The port `Notifier` on an SNS topic."""

from typing import Final

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.sns.codes import CODES
from paddock.adapters.report.text import clean, shortened

MOST_BYTES: Final = 200_000  # SNS takes 256 KiB, with everything around it
_SUBJECT: Final = 100  # characters of ASCII, no line breaks: it may be an e-mail's
_CUT: Final = "\n\n… it goes on in the archive.\n"


class SnsNotifier:
    """Publishes to one topic, with a subject for those who read it as an e-mail. One request."""

    def __init__(self, clients: Clients, topic: str) -> None:
        """Args: the topic's ARN."""
        self._clients = clients
        self._topic = topic
        self._ask = Asking(CODES)

    def tell(self, subject: str, text: str) -> None:
        """See `Notifier`."""
        line = shortened(clean(subject), _SUBJECT - 2).encode("ascii", "replace").decode().strip() or "Paddock"
        self._ask(self._clients.sns.publish, TopicArn=self._topic, Subject=line, Message=cut(text, MOST_BYTES))


def cut(text: str, most: int) -> str:
    """The text within so many bytes of UTF-8, with a word on it if some is missing."""
    if len(text.encode()) <= most:
        return text
    room = most - len(_CUT.encode())
    return text.encode()[:room].decode(errors="ignore") + _CUT
