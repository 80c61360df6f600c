"""Which jobs are the fleet's affair, as the world knows it."""

from paddock.adapters.memory.github.values import JobRecord
from paddock.core.routing import is_ours
from paddock.core.settings import FleetSettings


class Claims:
    """A fleet's claims, by its settings. Label sets are few and come again and again, so they are remembered."""

    def __init__(self, settings: FleetSettings) -> None:
        """Args: the fleet's settings."""
        self._settings = settings
        self._named = frozenset(settings.named)
        self._claims: dict[tuple[str, ...], bool] = {}

    def labels(self, labels: tuple[str, ...]) -> bool:
        """True if the fleet claims jobs of these labels."""
        known = self._claims.get(labels)
        if known is None:
            known = self._claims[labels] = is_ours(labels, self._settings)
        return known

    def job(self, job: JobRecord) -> bool:
        """True if the fleet must come to know the job: by its labels, and by a repository that it looks through."""
        return job.repository in self._named and self.labels(job.labels)
