"""The port to people: where a report is announced."""

from typing import Protocol


class Notifier(Protocol):
    """Tells people something, once. What it says may be read by others than those who may read the fleet's records."""

    def tell(self, subject: str, text: str) -> None:
        """Send it. `subject` is one line of at most 100 characters, `text` Markdown of any length: it may be cut.

        Raises:
            Unavailable, Throttled: it may not have arrived; sending it again may send it twice.
            AccessDenied, NotFound, Rejected: it did not arrive, and would not if it were sent again.
        """
