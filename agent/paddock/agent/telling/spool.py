"""Reports on the disk, numbered, until they are delivered."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.telling.files import read_object, write_json
from paddock.agent.telling.report import Event

_NAME = re.compile(r"(\d{6,12})-[a-z_]+\.json")


@dataclass(slots=True)
class Entry:
    """One report: its place in the order, its data, and whether the disk has it."""

    number: int
    data: dict[str, object]
    stored: bool = False

    @property
    def name(self) -> str:
        """The file's name, which sorts by number."""
        return f"{self.number:06}-{self.data.get('event')}.json"

    @property
    def is_ready(self) -> bool:
        """True if it says that the machine waits for orders, which is true only as long as it does."""
        return self.data.get("event") == Event.READY

    @property
    def is_plain_sign(self) -> bool:
        """True if a newer one says all it says. One with a reason is a warning (of a spot loss), and does not age."""
        data = self.data
        sign = data.get("event") in (Event.HEARTBEAT, Event.READY)
        return sign and not data.get("reason") and not data.get("interrupted_by")


class Spool:
    """A directory of reports; made, with mode 0700, when the first is stored."""

    def __init__(self, directory: Path) -> None:
        """Args: the directory, the agent's own."""
        self._directory = directory

    def waiting(self) -> list[Entry]:
        """What an earlier agent left, in order. What cannot be read is moved to ``bad`` and left out."""
        found = []
        for number, path in self._files():
            try:
                found.append(Entry(number, read_object(path), stored=True))
            except (OSError, ValueError):
                self.set_aside(path.name)
        return found

    def last_number(self) -> int:
        """The highest number in use; 0 if nothing is there."""
        return max((number for number, _ in self._files()), default=0)

    def store(self, entry: Entry) -> None:
        """Write the report so that it outlives us.

        Raises:
            OSError: the disk is full or failing.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        write_json(self._directory / entry.name, entry.data)
        entry.stored = True

    def remove(self, entry: Entry) -> None:
        """The report is delivered, or a newer one says all it said. Never raises."""
        with contextlib.suppress(OSError):
            (self._directory / entry.name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Nobody will ever take it: kept in ``bad`` for whoever looks. Never raises."""
        with contextlib.suppress(OSError):
            (self._directory / "bad").mkdir(mode=0o700, exist_ok=True)
            (self._directory / name).replace(self._directory / "bad" / name)

    def _files(self) -> list[tuple[int, Path]]:
        try:
            matches = [(match, path) for path in self._directory.iterdir() if (match := _NAME.fullmatch(path.name))]
        except OSError:
            return []
        return sorted((int(match[1]), path) for match, path in matches)
