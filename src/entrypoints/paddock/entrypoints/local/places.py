"""Where the one-machine fleet keeps things: everything below one directory."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

import attrs

from paddock.core.errors import Busy, InvalidInput

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
    def archive(self) -> Path:
        """Old jobs, as JSON lines by day."""
        return self.root / "archive"

    @property
    def log(self) -> Path:
        """The fleet's own log."""
        return self.root / "fleet.log"

    @property
    def shared(self) -> bool:
        """True if somebody else than its owner may look into it: it was there before a fleet was."""
        return self.root.stat().st_mode & 0o077 != 0

    def make(self) -> None:
        """Create the directory; only its owner may look inside. The machines' own are `process.Layout`'s.

        Raises:
            InvalidInput: it cannot be created there, or belongs to somebody else.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            remedy = f"cannot be made a directory ({error.strerror}): name one that this user may create"
            raise InvalidInput("local.state", str(self.root), remedy) from None
        machines = self.root / "machines"
        if not self.database.exists() and machines.is_dir() and any(machines.iterdir()):
            # What is terminated is swept from there, and these are nobody's machines.
            remedy = (
                f"holds a directory 'machines' that no fleet made ({self.database.name} is missing): name another one"
            )
            raise InvalidInput("local.state", str(self.root), remedy)

    def held(self) -> bool:
        """Whether a fleet runs here, as far as can be seen; one that may not be looked for is taken to."""
        try:
            with self.lock.open("rb") as lock:
                # Shared, and for an instant: only a fleet that runs holds it alone.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def hold(self) -> IO[str]:
        """Take the directory for this process, until the file that is returned is closed or the process dies.

        Raises:
            Busy: another fleet runs here.
        """
        lock = own_file(self.lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Busy(
                f"a fleet runs on {self.root} already (process {holder}): stop it, or give this one another state "
                "directory (paddock.yml: local.state)"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock


def own_file(path: Path) -> IO[str]:
    """A file to append to, made if it is not there: its owner's alone, whatever the process's mask says.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):  # somebody else's, who lets us write
        os.fchmod(descriptor, 0o600)  # a version before left it to everybody
    return os.fdopen(descriptor, "a+", encoding="utf-8")
