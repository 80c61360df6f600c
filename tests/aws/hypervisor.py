"""A real agent process for each instance that moto says runs, each with a metadata service and access keys of its own.

It does what EC2's hosts do: boots what has been started, takes away what has been ended, ends the instance whose agent
has switched it off, and takes back spot machines after a warning. One that is stopped has its agent asked to end, keeps
its disk, and boots anew when it is started. EventBridge is told of all of it, as EC2 tells it: an instance that ends is
shutting down for a while, in EC2's answers as in its events, and only then it is terminated; one that is stopped is
stopping until its agent has ended.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import StateReason

from paddock.adapters.aws.ec2.request import STOCK as STOCK_TAG
from paddock.agent.aws.imds import DOCUMENT, MARKET, STOCK
from paddock.agent.machine.users import own_user
from paddock.core.ports.system import Clock
from tests.agent.machine import carriers
from tests.aws.events import EventBridge, spot_warning, state_change
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, ROLE_ID, ImdsStandIn, imds_standin
from tests.aws.recorded import MACHINE, Caller
from tests.aws.wire import Wire

TURN = 0.05  # seconds between two looks
SHUTTING_DOWN = 1.5  # seconds that an instance does so; at EC2 they are more, and nobody waits for their end
TRAVEL = 0.4  # seconds, at the usual pace, until a change of state is told; at AWS about one
ALIVE = frozenset({"pending", "running"})
RESTING = frozenset({"stopping", "stopped"})
REASONS = {"spot": "Server.SpotInstanceTermination", "itself": "Client.InstanceInitiatedShutdown"}
"""EC2's codes, by who ended an instance; one that the fleet ends has another, which moto gives."""


@attrs.define
class Host:
    """A machine that lives. ``ends_at``: when the cloud takes it back, by the monotonic clock.

    ``boots``: how often it was started; ``stopping``: its agent was asked to end, for the machine is to sleep.
    """

    id: str
    market: str
    zone: str
    home: Path
    imds: ImdsStandIn
    agent: subprocess.Popen[bytes]
    stack: ExitStack
    began: float
    ends_at: float | None = None
    boots: int = 1
    stopping: bool = False


@attrs.frozen
class Past:
    """A machine that lived: for how long (seconds), its agent's exit code (None: taken away), and who ended it.

    ``boots``: how often it was started.
    """

    id: str
    market: str
    seconds: float
    code: int | None
    by: str
    boots: int = 1


class Hypervisor:
    """Looks at moto every few hundredths of a second.

    ``hosts`` are the machines whose power is on, ``asleep`` those that were stopped, ``past`` those that are gone.
    """

    def __init__(
        self,
        wire: Wire,
        bridge: EventBridge,
        clock: Clock,
        *,
        fleet: str,
        agent: Path,
        root: Path,
        settings: Mapping[str, object],
        pace: int = 1,
    ) -> None:
        """Args: ``settings`` are those of a machine, without its places and its own addresses."""
        self.hosts: dict[str, Host] = {}
        self.asleep: dict[str, Host] = {}
        self.past: list[Past] = []
        self.errors: list[Exception] = []
        self._wire, self._bridge, self._clock = wire, bridge, clock
        self._fleet, self._agent, self._root, self._settings = fleet, agent, root, settings
        self._seen: set[str] = set()
        self._instances: dict[str, Any] = {}
        self._read = 0  # reservations so far: they only grow
        self._warnings: dict[str, float] = {}
        self._ending: dict[str, float] = {}  # until when they are shutting down
        self._untold: list[tuple[float, dict[str, Any]]] = []  # events, and when they are told
        self._travel = TRAVEL * pace
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="hypervisor")

    def start(self) -> None:
        """Work until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and take away what lives; raises what went wrong in here."""
        self._stopping.set()
        self._thread.join()
        for host in [*self.hosts.values(), *self.asleep.values()]:
            self._gone(host, "stop")
        self.look_for_errors()

    def look_for_errors(self) -> None:
        """Raise what went wrong in here."""
        for error in self.errors:
            raise error

    def warn(self, machine: str, seconds: float) -> None:
        """Warn a machine, by its metadata and by an event; it is taken back after so many seconds, not 120."""
        self._warnings[machine] = seconds

    def instances(self) -> dict[str, Any]:
        """The fleet's instances that moto knows, by id."""
        with self._wire.alone:
            reservations = list(ec2_backends[ACCOUNT][REGION].reservations.values())
            for each in reservations[self._read :]:
                for one in each.instances:
                    if any(tag["key"] == "paddock:fleet" and tag["value"] == self._fleet for tag in one.get_tags()):
                        self._instances[one.id] = one
            self._read = len(reservations)
            return dict(self._instances)

    @property
    def untold(self) -> int:
        """How many changes of state nobody was told of yet."""
        return len(self._untold)

    def _work(self) -> None:
        try:
            while not self._stopping.wait(TURN):
                self._turn()
        except Exception as error:  # noqa: BLE001 - `stop` raises it
            self.errors.append(error)

    def _turn(self) -> None:
        instances = self.instances()
        for id_, instance in instances.items():
            if id_ not in self._seen:
                self._seen.add(id_)
                if instance.state in ALIVE:
                    self._boot(instance)
                else:  # ended before its first look: EC2 tells of it all the same
                    self._shuts_down(id_)
        now = time.monotonic()
        for host in list(self.hosts.values()):
            self._look_at(host, str(instances[host.id].state), now)
        for host in list(self.asleep.values()):
            if instances[host.id].state in ALIVE:
                self._wakes(host)
            elif instances[host.id].state not in RESTING:
                self._shuts_down(host.id)
                self._gone(host, "fleet")
        self._tell(now)

    def _look_at(self, host: Host, state: str, now: float) -> None:
        """One whose power is on."""
        if host.stopping or state in RESTING:
            self._stops(host)
        elif state not in ALIVE:
            self._shuts_down(host.id)
            self._gone(host, "fleet")
        elif host.ends_at is not None and now >= host.ends_at:
            self._end(host, "spot")
        elif host.agent.poll() is not None:
            if host.agent.returncode != 0:
                self._last_words(host)
            self._end(host, "itself")

    def _stops(self, host: Host) -> None:
        """Ask the agent to end, as the system does that goes down; when it has ended, the power is off."""
        if not host.stopping:
            host.stopping = True
            host.agent.terminate()
            self._changed(host.id, "stopping", 64)
        elif host.agent.poll() is not None:
            host.stopping = False
            self._power_off(host)
            self.asleep[host.id] = self.hosts.pop(host.id)
            if self._instances[host.id].state in RESTING:  # else it was ended, or started, in the same moment
                self._changed(host.id, "stopped", 80)

    def _wakes(self, host: Host) -> None:
        """Boot it anew: its disk is as it was."""
        host.boots += 1
        host.agent = self._started(host.home, "aws")
        self.hosts[host.id] = self.asleep.pop(host.id)
        for state in ("pending", "running"):
            self._told_later(host.id, state)

    def _tell(self, now: float) -> None:
        """What is due: ends that are over, and warnings."""
        for id_, until in list(self._ending.items()):
            if now >= until:
                del self._ending[id_]
                self._changed(id_, "terminated", 48)
        while self._untold and now >= self._untold[0][0]:
            self._bridge.send(self._untold.pop(0)[1])
        for id_, seconds in list(self._warnings.items()):
            del self._warnings[id_]
            warned = self.hosts.get(id_)
            if warned is not None:
                warned.imds.warn(seconds)
                self._bridge.send(spot_warning(id_, warned.zone, self._clock))
                warned.ends_at = time.monotonic() + seconds

    def _boot(self, instance: Any) -> None:  # noqa: ANN401 - moto's
        machine, home = str(instance.id), self._root / str(instance.id)
        home.mkdir()
        market = "spot" if instance.lifecycle == "spot" else "on-demand"
        zone = str(instance.placement.zone)
        stack = ExitStack()
        imds = stack.enter_context(imds_standin(machine))
        imds.access_key = f"ASIA{machine[2:].upper()}"
        self._wire.recorded.know(imds.access_key, Caller(MACHINE, machine))
        document = {**json.loads(imds.data[DOCUMENT]), "availabilityZone": zone, "instanceType": instance.instance_type}
        imds.data |= {DOCUMENT: json.dumps(document), MARKET: market}
        # A fleet's launch template has InstanceMetadataTags enabled, which moto does not carry over to its instances.
        tags = {tag["key"]: str(tag["value"]) for tag in instance.get_tags()}
        imds.data |= {STOCK: tags[STOCK_TAG]} if STOCK_TAG in tags else {}
        services = dict.fromkeys(("dynamodb", "sqs", "logs", "s3", "sts"), self._wire.url)
        settings = {
            "role_id": ROLE_ID,
            **self._settings,
            "version": 1,
            "user": own_user().name if os.geteuid() == 0 else "",
            "directory": str(home / "machine"),
            "power_command": ["/bin/true"],  # whoever goes is switched off by us
            "endpoints": {"imds": imds.url, **services},
        }
        (home / "agent.json").write_text(json.dumps(settings))
        agent = self._started(home, "aws")
        self.hosts[machine] = Host(machine, market, zone, home, imds, agent, stack, time.monotonic())
        for state in ("pending", "running"):
            self._told_later(machine, state)

    def _started(self, home: Path, command: str, **variables: str) -> subprocess.Popen[bytes]:
        with (home / "console").open("ab") as console:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(self._agent), command, "--config", str(home / "agent.json")],
                env={"PATH": "/usr/bin:/bin", **variables},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def _last_words(self, host: Host) -> None:
        """What the unit runs when its agent ended in any other way than it should."""
        code = host.agent.returncode
        result = "signal" if code < 0 else "exit-code"
        self._started(host.home, "stop-post", SERVICE_RESULT=result, EXIT_STATUS=str(code)).wait(60)

    def _end(self, host: Host, by: str) -> None:
        """End the instance, as its shutdown behaviour or the cloud does."""
        with self._wire.alone:
            ec2_backends[ACCOUNT][REGION].terminate_instances([host.id])
            # By whom it was ended is EC2's word in the end; moto says "by a user" of everything.
            self._instances[host.id].state_reason = StateReason(REASONS[by], REASONS[by])
        self._shuts_down(host.id)
        self._gone(host, by)

    def _shuts_down(self, machine: str) -> None:
        """It was ended, whoever did it: moto takes it for terminated at once."""
        self._ending[machine] = time.monotonic() + SHUTTING_DOWN
        self._changed(machine, "shutting-down", 32)

    def _changed(self, machine: str, state: str, code: int) -> None:
        with self._wire.alone:
            moto = self._instances[machine]._state
            moto.name, moto.code = state, code
        self._told_later(machine, state)

    def _told_later(self, machine: str, state: str) -> None:
        self._untold.append((time.monotonic() + self._travel, state_change(machine, state, self._clock)))

    def _gone(self, host: Host, by: str) -> None:
        """It is no more, nor is its disk."""
        code = host.agent.poll()
        if host.id in self.hosts:
            self._power_off(host)
        host.stack.close()
        self.hosts.pop(host.id, None)
        self.asleep.pop(host.id, None)
        self.past.append(Past(host.id, host.market, time.monotonic() - host.began, code, by, host.boots))

    @staticmethod
    def _power_off(host: Host) -> None:
        """Nothing of it runs any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(host.agent.pid, signal.SIGKILL)
        host.agent.wait()
        for pid in carriers(host.id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def cpu_of_children() -> float:
    """Seconds of CPU of all processes that were started and waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
