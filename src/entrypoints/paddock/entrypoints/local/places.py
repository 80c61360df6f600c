"""Where the one-machine fleet keeps things: everything below one directory."""

from pathlib import Path

import attrs

DEFAULT_STATE = Path("paddock-state")


@attrs.frozen
class Places:
    """The paths below the state directory."""

    root: Path

    @property
    def database(self) -> Path:
        """Records, queues and decisions: one SQLite file."""
        return self.root / "fleet.db"

    @property
    def lock(self) -> Path:
        """Held by the fleet that runs here: two would fight over the machines."""
        return self.root / "running.lock"

    @property
    def log(self) -> Path:
        """The fleet's own log."""
        return self.root / "fleet.log"

    def make(self) -> None:
        """Create the directory; only its owner may look inside. The machines' own are `process.Layout`'s."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
