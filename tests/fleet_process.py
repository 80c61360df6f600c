"""``paddock local`` as a process of its own, with a paddock.yml of short deadlines: to be stopped, or killed."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import attrs

from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from tests.local_fleet import keep_secrets, until

CONFIG = """
version: 1
github:
  url: {url}
  webhook_secret: {{file: ./state/webhook.secret}}
  app: {{id: {app_id}, private_key: {{file: ./state/app.pem}}}}
  repositories: [acme/shop]
deadlines: {{lease: 5s, idle: 4s, retry_admission: 1s, word: 2s}}
retry: {{backoff: 1s}}
local: {{listen: "127.0.0.1:{port}", state: ./state, slots: {slots}, reconcile: 1s}}
"""
POOL = """
pools: {{web: {{machine: {{arch: {arch}}}, hot: {hot}}}}}
housekeeping: {{pools: 1s}}
"""


@attrs.define
class FleetProcess:
    """Starts, kills and restarts the fleet. Its output goes to ``fleet.out`` beside the state.

    ``hot``: how many machines its pool ``web`` keeps; without any there is no pool.
    """

    state: Path
    github: GitHubStandIn
    slots: int = 4
    hot: int = 0
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may not serve yet when this returns."""
        if self.port == 0:
            keep_secrets(self.state, self.github)
            with closing(socket.create_server(("127.0.0.1", 0))) as free:
                self.port = free.getsockname()[1]
            self.github.webhooks.url = f"http://127.0.0.1:{self.port}/webhook"
        app_id = self.github.credentials.app_id
        text = CONFIG.format(url=self.github.url, app_id=app_id, port=self.port, slots=self.slots)
        text += POOL.format(arch=box_arch(), hot=self.hot) if self.hot else ""
        (self.state.parent / "paddock.yml").write_text(text, encoding="utf-8")
        out: IO[bytes]
        with (self.state.parent / "fleet.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paddock.entrypoints.cli.app", "local", "--config", "paddock.yml"],
                cwd=self.state.parent,
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
