"""A one-machine fleet as a process of its own: ``python -m tests.fleet_process STATE URL APP_ID PORT SLOTS``.

``paddock local`` with deadlines that are shorter than a paddock.yml can say. It ends by SIGTERM, or by kill -9.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import IO

import attrs

from paddock.adapters.standin import GitHubStandIn
from paddock.entrypoints.cli.local import serve
from tests.local_fleet import config, keep_secrets, until

ROOT = Path(__file__).parent.parent


@attrs.define
class FleetProcess:
    """Starts, kills and restarts the fleet. Its output goes to ``fleet.out`` beside the state."""

    state: Path
    github: GitHubStandIn
    slots: int = 4
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may not serve yet when this returns."""
        if self.port == 0:
            keep_secrets(self.state, self.github)
            with closing(socket.create_server(("127.0.0.1", 0))) as free:
                self.port = free.getsockname()[1]
            self.github.webhooks.url = f"http://127.0.0.1:{self.port}/webhook"
        words = [str(self.state), self.github.url, str(self.github.credentials.app_id), str(self.port), str(self.slots)]
        out: IO[bytes]
        with (self.state.parent / "fleet.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet_process", *words],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def serves(self) -> bool:
        """True once it takes webhooks."""
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), timeout=1)):
                return True
        except OSError:
            return False

    def wait_until_it_serves(self) -> None:
        """Wait for that."""
        until(self.serves, "the fleet listens", tell=self.output)

    def kill(self) -> None:
        """End it by kill -9, and wait until it is dead."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def output(self) -> str:
        """What it has printed, the end of it."""
        return (self.state.parent / "fleet.out").read_text(encoding="utf-8", errors="replace")[-8_000:]


def main(words: list[str]) -> None:
    """Serve until SIGTERM."""
    state, url, app_id, port, slots = words
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    serve(config(Path(state), url, int(app_id), port=int(port), slots=int(slots)), stop)


if __name__ == "__main__":
    main(sys.argv[1:])
