"""A fleet on one machine that is stopped in order, as each update of it does: what is in hand is finished first."""

import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from paddock.adapters.standin import GitHubStandIn
from paddock.core.units import Span
from paddock.entrypoints.containers import LocalProfile
from paddock.entrypoints.local.fleet import LocalFleet
from tests.local_fleet import PATIENCE, config_of, until

GRACE = 0.5
"""Seconds that work goes on after the fleet was told to stop: one that did not wait for it is over before."""


class AtWork:
    """A fleet whose step, of this name, is in the middle of something when it is told to stop."""

    def __init__(self, fleet: Any, step: str) -> None:  # noqa: ANN401 - a fleet, and whatever it has
        self._fleet = fleet
        self._step = step
        self.begun, self.stopping, self.stopped = Event(), Event(), Event()
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the fleet has
        return getattr(self._fleet, name)

    def dispatch_once(self, *, wait: Span) -> int:
        """See `Fleet.dispatch_once`."""
        return self._once("dispatch", wait)

    def complete_once(self, *, wait: Span) -> int:
        """See `Fleet.complete_once`."""
        return self._once("completion", wait)

    def _once(self, step: str, wait: Span) -> int:
        if step != self._step or self.stopping.is_set():
            return 0
        self.begun.set()
        assert self.stopping.wait(PATIENCE), wait
        self.done.append("too late" if self.stopped.wait(GRACE) else "in time")
        return 1


class NothingDue:
    """Housekeeping that nobody waits for."""

    names = ()

    def when_due(self, name: str) -> None:
        """See `Housekeeping.when_due`."""


def stopped(profile: LocalProfile, step: str) -> Sequence[str]:
    """Start the fleet, stop it while the step is at work; how the work ended."""
    work = AtWork(profile.fleet(), step)
    fleet = LocalFleet(
        options=profile.config().local,
        places=profile.places(),
        fleet=work,  # type: ignore[arg-type]  # it has all that a fleet has
        table=profile.table(),
        jobs=profile.jobs(),
        events=profile.events(),
        mailbox=profile.mailbox(),
        keeping=NothingDue(),  # type: ignore[arg-type]  # it has all that is asked of it
        app=lambda _environ, _start: [],
        clock=profile.clock(),
    )
    fleet.start()
    port = int(fleet.url.split(":")[2].split("/")[0])

    def stop() -> None:
        fleet.stop()
        work.stopped.set()

    try:
        assert work.begun.wait(PATIENCE)
        ends = Thread(target=stop)
        ends.start()
        until(lambda: not listens(port), "it takes no more webhooks")
        work.stopping.set()
        ends.join(PATIENCE)
        assert not ends.is_alive()
    finally:
        work.stopping.set()
    return work.done


def listens(port: int) -> bool:
    """True if somebody takes calls there."""
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
        return True
    return False


def test_what_is_in_hand_is_finished_before_a_fleet_is_stopped(tmp_path: Path) -> None:
    """A launch or an end that it works on is not cut in two, and nothing else is begun."""
    with GitHubStandIn() as github:
        for step in ("dispatch", "completion"):
            profile = LocalProfile(config=config_of(tmp_path / step, github))
            try:
                assert stopped(profile, step) == ["in time"]
            finally:
                profile.database().close()
                profile.client().close()
