"""The checks of a fleet on this machine: its file, its directory, its records, and whether it answers."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from paddock.adapters.addresses import authority
from paddock.adapters.config import Config, load, validate
from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.client import user_agent
from paddock.adapters.github.transport import Request
from paddock.adapters.process.layout import Layout
from paddock.adapters.sqlite import check_whole
from paddock.core.errors import InvalidInput, PaddockError, Rejected
from paddock.core.health.finding import Check, Finding, Once, failure, fine, warning
from paddock.core.health.fleet import TASKS, judge_pause, judge_tasks
from paddock.core.ports.system import Clock
from paddock.core.switch import PAUSED
from paddock.core.units import SECOND
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places

PYTHON: Final = "Python"
CONFIG: Final = "paddock.yml"
STATE: Final = "state directory"
DISK: Final = "disk space"
RECORDS: Final = "records"
SERVER: Final = "webhook port"
CACHE: Final = "runner packages"
_OLDEST: Final = (3, 11)
_GIB: Final = 1 << 30
_PER_SLOT: Final = 4  # GiB: a runner unpacked has about one, a checkout and what a job makes the rest
_LEAST_SECRET: Final = 16
"""Characters of a webhook secret. A delivery and its HMAC let anybody try secrets, as fast as machines go: 16 random
hexadecimal digits are 64 bits, which nobody tries all of."""
_TIMEOUTS: Final = Timeouts(connect=2 * SECOND, read=5 * SECOND)


class LocalSide:
    """Looks at this machine. ``config`` is for whoever asks GitHub of the same fleet."""

    def __init__(self, file: Path, clock: Clock, environ: Mapping[str, str]) -> None:
        """Args: the fleet's paddock.yml, the time, and this process's environment, in which secrets may be."""
        self._file = file
        self._clock = clock
        self._environ = environ
        self.config: Callable[[], Config] = Once("paddock.yml", lambda: load(file))
        self._whole = Once("the records", lambda: check_whole(self._places.database))

    def checks(self) -> list[Check]:
        """All of them."""
        look = "see that this user may read it"
        return [
            Check(PYTHON, self._python, look),
            Check(CONFIG, self._valid, "`paddock config validate` names every problem"),
            Check(STATE, self._state, look),
            Check(DISK, self._disk, look),
            Check(RECORDS, self._records, look),
            Check(SERVER, self._server, "start the fleet: `paddock local`"),
            Check(TASKS, self._tasks, look),
            Check(CACHE, self._cache, look),
        ]

    @property
    def _places(self) -> Places:
        return Places(self.config().local.state)

    def _python(self) -> Iterator[Finding]:
        version = ".".join(map(str, sys.version_info[:3]))
        if sys.version_info[:2] < _OLDEST:
            yield failure(PYTHON, version, "install Python 3.11 or newer, and Paddock with it")
        else:
            yield fine(PYTHON, version)

    def _valid(self) -> Iterator[Finding]:
        problems = validate(self._file, self._environ, finished=True)
        fix = f"mend it; `paddock config validate {self._file}` tells whether it is right"
        for problem in problems:
            yield failure(CONFIG, problem.text, fix)
        with suppress(PaddockError):  # it is told: whoever needs the file says that, and not the same again
            self.config()
        if not problems:
            yield fine(CONFIG, f"{self._file} is valid, and its secrets can be read")
            yield from self._weak()

    def _weak(self) -> Iterator[Finding]:
        for secret in self.config().github.webhook_secrets:
            length = len(secret.read(self._environ))
            if length < _LEAST_SECRET:
                found = f"{secret.field} = {secret.place} has {length} characters: who sees one delivery can guess it"
                fix = (
                    f"make one of {_LEAST_SECRET} or more by chance, as `openssl rand -hex 32` does, and give it to "
                    "GitHub's webhook as well"
                )
                yield warning(CONFIG, found, fix)

    def _state(self) -> Iterator[Finding]:
        root = self._places.root
        if not root.exists():
            yield warning(STATE, f"{root} is not there", "`paddock local` makes it")
        elif not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
            fix = "name a directory of this user's as local.state, or run the fleet's user's own `paddock doctor`"
            yield failure(STATE, f"{root} cannot be written by this user", fix)
        elif self._places.shared:
            yield warning(STATE, f"{root} can be entered by others: records and logs lie there", f"chmod 700 {root}")
        else:
            yield fine(STATE, f"{root}, this user's own")

    def _disk(self) -> Iterator[Finding]:
        options = self.config().local
        place = next(path for path in (options.state.absolute(), *options.state.absolute().parents) if path.exists())
        free = shutil.disk_usage(place).free // _GIB
        wanted = options.slots * _PER_SLOT
        said = f"{free} GiB are free, for {options.slots} machines side by side"
        fix = "make room, have fewer `local.slots`, or put local.state on a larger disk"
        if free < _PER_SLOT:
            yield failure(DISK, said, fix)
        elif free < wanted:
            yield warning(DISK, f"{said}, which may take {wanted}", fix)
        else:
            yield fine(DISK, said)

    def _records(self) -> Iterator[Finding]:
        file = self._places.database
        if not file.exists():
            yield warning(RECORDS, f"{file} is not there: no fleet has run here", "`paddock local` makes it")
            return
        try:
            self._whole()
        except Rejected as error:
            fix = (
                "stop the fleet, and move fleet.db away: the next start makes a new one; `sqlite3 fleet.db .recover` "
                "saves what can be saved of the old one"
            )
            yield failure(RECORDS, str(error), fix)
        except InvalidInput as error:
            yield failure(RECORDS, f"{error.field} is {error.value}", error.remedy)
        else:
            yield fine(RECORDS, f"{file} opens, and is whole")

    def _server(self) -> Iterator[Finding]:
        options = self.config().local
        where = authority(options.host, options.port)
        if not options.port:
            yield warning(SERVER, "any free port is taken, so GitHub's way there changes", "name one: local.listen")
            return
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)  # noqa: S104 - it is asked there
        with HttpTransport(user_agent(), timeouts=_TIMEOUTS, environment=False, connections=1) as transport:
            try:
                reply = transport.send(Request("GET", f"http://{authority(host, options.port)}/health"))
            except PaddockError as error:
                fix = "start the fleet: `paddock local`; its log is fleet.log in the state directory"
                yield failure(SERVER, f"nothing answers at {where}: {error}", fix)
                return
        if reply.status == 200 and reply.body.strip() == b"ok":  # noqa: PLR2004 - HTTP's own number
            yield fine(SERVER, f"the fleet answers at {where}")
        else:
            fix = "stop what has taken the port, or name another one: local.listen"
            yield failure(SERVER, f"something else answers at {where} ({reply.status})", fix)

    def _tasks(self) -> Iterator[Finding]:
        places = self._places
        if not places.database.exists():
            yield warning(TASKS, "no fleet has run here", "`paddock local` starts one")
            return
        self._whole()
        state = open_state(places)
        try:
            tasks, switch = state.tasks.all(), state.table.switches.get(PAUSED)
        finally:
            state.close()
        where = f"--state {places.root}"
        yield from judge_tasks(
            tasks,
            self._clock.now(),
            pools=bool(self.config().settings.pools),
            starts="see that the fleet runs: `paddock local`",
            status=f"`paddock housekeeping status {where}`",
        )
        yield judge_pause(switch, f"`paddock resume {where}`")

    def _cache(self) -> Iterator[Finding]:
        layout = Layout(self._places.root)
        kept = sorted(path.parent.parent.name for path in layout.mirror.glob("*/*/*.tar.gz"))
        fetched = len(list(layout.cache.iterdir())) if layout.cache.is_dir() else 0
        if kept or fetched:
            yield fine(CACHE, f"{fetched} fetched by machines; copies of the fleet's own: {', '.join(kept) or 'none'}")
        else:
            yield fine(CACHE, "none yet: the first job fetches one")


__all__ = ["CACHE", "CONFIG", "DISK", "PYTHON", "RECORDS", "SERVER", "STATE", "LocalSide"]
