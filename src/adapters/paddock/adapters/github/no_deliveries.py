"""The port `Deliveries` where there is no log to read: a token is used, and no hook was named."""

from collections.abc import Iterator

from paddock.core.errors import NotFound
from paddock.core.ports.github import HookDelivery
from paddock.core.units import Moment


class NoDeliveries:
    """An empty log. What webhooks lose is then found by comparing GitHub's queued jobs with the records alone."""

    def since(self, moment: Moment) -> Iterator[HookDelivery]:  # noqa: ARG002 - the log is empty at every moment
        """No deliveries."""
        return iter(())

    def redeliver(self, delivery_id: int) -> None:
        """There is none to redeliver.

        Raises:
            NotFound: always.
        """
        raise NotFound(f"delivery {delivery_id}: no hook is configured (paddock.yml: github.hooks)")
