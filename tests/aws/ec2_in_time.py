"""EC2's wire in virtual time: botocore's requests are taken just before they would be sent, and a cloud answers them.

The requests are those that EC2 would get, and botocore parses the answers as it parses EC2's. In between nothing waits:
the cloud is a simulated one, behind the port `Machines`.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import attrs
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.ec2.request import DISK, FLEET, LAUNCH, REQUEST, digest
from paddock.adapters.aws.ec2.settings import Ec2Settings, Template
from paddock.adapters.aws.ec2.toll import Toll
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines, MachineState, StartResult
from paddock.core.ports.system import Clock
from paddock.core.spec import Arch, Market
from paddock.core.units import SECOND, Moment
from tests.aws.ec2 import one_session
from tests.aws.judge import REGION
from tests.limits import FILTERED, Asked

_CODES = {
    MachineState.PENDING: 0,
    MachineState.RUNNING: 16,
    MachineState.TERMINATED: 48,
    MachineState.STOPPING: 64,
    MachineState.STOPPED: 80,
}
_OK, _REFUSED = 200, 400
Record = Callable[[Asked], object]


@attrs.frozen
class RefusedError(Exception):
    """What EC2 says no with."""

    code: str
    message: str


def settings_of(zones: Iterable[str]) -> Ec2Settings:
    """A fleet that may stand in these zones."""
    return Ec2Settings(
        fleet="burst",
        subnets={zone: f"subnet-{number:08x}" for number, zone in enumerate(zones, 1)},
        templates=tuple(Template(arch=arch, id=f"lt-{number:08x}", version="1") for number, arch in enumerate(Arch, 1)),
    )


class Ec2Wire:
    """EC2 as it is on the wire. `machines` gives the real adapter of a new process; ``made`` counts the requests."""

    def __init__(self, clock: Clock, record: Record, settings: Ec2Settings) -> None:
        self._clock, self._record, self._settings = clock, record, settings
        self._launches: dict[str, LaunchRequest] = {}
        self._cloud: Machines | None = None
        self._acts: Mapping[str, Callable[[Mapping[str, str]], str]] = {
            "CreateFleet": self._fleet,
            "DescribeInstances": self._describe,
            "DescribeInstanceTypeOfferings": self._offerings,
            "TerminateInstances": self._terminate,
            "StopInstances": self._stop,
            "StartInstances": self._start,
        }

    def machines(self, cloud: Machines, toll: Toll | None) -> Machines:
        """The adapter, as it is after a cold start, before this cloud; each request pays the toll."""
        self._cloud = cloud
        clients = Clients(REGION, session=one_session(), watch=self._watch)  # a client has one toll
        return _Told(Ec2Machines(clients, self._settings, self._clock, toll=toll), self._launches)

    def _watch(self, client: Any, service: str) -> None:  # noqa: ANN401 - a client of botocore
        client.meta.events.register_first(f"before-send.{service}", self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        form = dict(parse_qsl(body, keep_blank_values=True))
        action = form["Action"]
        ids = list(_listed(form, "InstanceId"))
        filtered = any(name.startswith("Filter.") or name == "MaxResults" for name in form)
        count = int(form.get("TargetCapacitySpecification.TotalTargetCapacity", len(ids) or 1))
        self._record(Asked(self._clock.now(), f"ec2 {action}", count, FILTERED if filtered else ""))
        try:
            status, text = _OK, f"<{action}Response>{self._acts[action](form)}</{action}Response>"
        except RefusedError as no:
            status = _REFUSED
            text = f"<Response><Errors><Error><Code>{no.code}</Code><Message>{escape(no.message)}</Message></Error>"
            text += "</Errors><RequestID>r</RequestID></Response>"
        return AWSResponse(
            request.url, status, HTTPHeaders.from_dict({"content-type": "text/xml"}), _Raw(text.encode())
        )

    # -- what EC2 does ------------------------------------------------------------------------------------------------

    @property
    def _behind(self) -> Machines:
        assert self._cloud is not None
        return self._cloud

    def _fleet(self, form: Mapping[str, str]) -> str:
        """What the wire does not say of a launch, the spec that its overrides stand for, its token tells."""
        request = self._launches[form["ClientToken"]]
        wanted = form["TargetCapacitySpecification.TotalTargetCapacity"]
        market = form["TargetCapacitySpecification.DefaultTargetCapacityType"]
        assert (int(wanted), Market(market)) == (request.count, request.market)
        outcome = self._behind.launch(request)
        offered = {value for name, value in form.items() if name.endswith(".InstanceType")}
        assert {machine.instance_type for machine in outcome.machines} <= offered
        return (
            f"<fleetId>fleet-1</fleetId><fleetInstanceSet>{self._started(outcome)}</fleetInstanceSet>{_errors(outcome)}"
        )

    def _started(self, outcome: LaunchOutcome) -> str:
        return "".join(
            f"<item><lifecycle>{machine.market}</lifecycle><instanceType>{machine.instance_type}</instanceType>"
            f"<availabilityZone>{machine.zone}</availabilityZone><launchTemplateAndOverrides><overrides>"
            f"<subnetId>{self._settings.subnets[machine.zone]}</subnetId></overrides></launchTemplateAndOverrides>"
            f"<instanceIds><item>{machine.id}</item></instanceIds></item>"
            for machine in outcome.machines
        )

    def _describe(self, form: Mapping[str, str]) -> str:
        ids, filters = list(_listed(form, "InstanceId")), _filters(form)
        if ids:
            found = self._behind.describe(ids)
            _all_known(ids, found)
            return self._reservations(found.values())
        if "instance-id" in filters:
            return self._reservations(self._behind.describe(filters["instance-id"]).values())
        assert f"tag:{LAUNCH}" not in filters, "no token is used twice here"
        page = self._behind.page(cursor=form.get("NextToken"))
        more = "" if page.cursor is None else f"<nextToken>{page.cursor}</nextToken>"
        return self._reservations(page.items) + more

    def _reservations(self, machines: Iterable[Machine]) -> str:
        items = "".join(map(self._instance, machines))
        return f"<reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>"

    def _instance(self, machine: Machine) -> str:
        ours = {FLEET: self._settings.fleet, LAUNCH: machine.token, DISK: str(machine.disk)}
        request = self._launches.get(machine.token)
        tags = {**(request.tags if request else {}), **ours, **({REQUEST: digest(request)} if request else {})}
        spot = "<instanceLifecycle>spot</instanceLifecycle>" if machine.market is Market.SPOT else ""
        ended = ""
        if machine.ended_at is not None:
            when = datetime.fromtimestamp(machine.ended_at // SECOND, UTC)
            ended = f"<reason>User initiated ({when:%Y-%m-%d %H:%M:%S} GMT)</reason>"
        if machine.ended_by:
            ended += f"<stateReason><code>{machine.ended_by}</code></stateReason>"
        return (
            f"<item><instanceId>{machine.id}</instanceId><instanceType>{machine.instance_type}</instanceType>"
            f"<instanceState><code>{_CODES[machine.state]}</code><name>{machine.state}</name></instanceState>"
            f"<launchTime>{_stamp(machine.launched_at)}</launchTime>{spot}{ended}"
            f"<placement><availabilityZone>{machine.zone}</availabilityZone></placement>"
            f"<tagSet>{''.join(_tag(key, value) for key, value in tags.items())}</tagSet></item>"
        )

    def _offerings(self, form: Mapping[str, str]) -> str:
        filters = _filters(form)
        items = "".join(
            f"<item><instanceType>{kind}</instanceType><location>{zone}</location></item>"
            for kind in filters["instance-type"]
            for zone in filters["location"]
        )
        return f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"

    def _terminate(self, form: Mapping[str, str]) -> str:
        ids = list(_listed(form, "InstanceId"))
        _all_known(ids, self._looked(ids))
        self._behind.terminate(ids)
        return _changed(ids)

    def _stop(self, form: Mapping[str, str]) -> str:
        ids = list(_listed(form, "InstanceId"))
        _all_known(ids, self._looked(ids))
        self._behind.stop(ids)
        return _changed(ids)

    def _start(self, form: Mapping[str, str]) -> str:
        ids = list(_listed(form, "InstanceId"))
        results = {outcome.result for outcome in self._behind.start(ids).values()}
        assert results == {StartResult.STARTING}, "a cloud on a quiet day has room for all"
        return _changed(ids)

    def _looked(self, ids: Iterable[str]) -> Mapping[str, Machine]:
        return self._behind.describe(list(ids))


class _Told:
    """The adapter, whose launches are noted by their tokens."""

    def __init__(self, inner: Machines, launches: dict[str, LaunchRequest]) -> None:
        self._inner, self._launches = inner, launches

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any other method
        return getattr(self._inner, name)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        self._launches[request.token] = request
        return self._inner.launch(request)


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """All of it."""
        yield self.read()


def _listed(form: Mapping[str, str], name: str) -> Iterator[str]:
    number = 1
    while (value := form.get(f"{name}.{number}")) is not None:
        yield value
        number += 1


def _filters(form: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: list(_listed(form, f"Filter.{number}.Value")) for number, name in enumerate(_listed_names(form), 1)}


def _listed_names(form: Mapping[str, str]) -> Iterator[str]:
    number = 1
    while (value := form.get(f"Filter.{number}.Name")) is not None:
        yield value
        number += 1


def _all_known(ids: Iterable[str], found: Mapping[str, Machine]) -> None:
    unknown = [id_ for id_ in ids if id_ not in found]
    if unknown:
        raise RefusedError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(unknown)}' do not exist")


def _errors(outcome: LaunchOutcome) -> str:
    items = "".join(
        f"<item><errorCode>{escape(text.partition(':')[0])}</errorCode>"
        f"<errorMessage>{escape(text.partition(': ')[2])}</errorMessage></item>"
        for text in outcome.errors
    )
    return f"<errorSet>{items}</errorSet>"


def _changed(ids: Iterable[str]) -> str:
    return f"<instancesSet>{''.join(f'<item><instanceId>{id_}</instanceId></item>' for id_ in ids)}</instancesSet>"


def _tag(key: str, value: str) -> str:
    return f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"


def _stamp(moment: Moment) -> str:
    return (
        datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % SECOND // 1000:03d}Z"
    )
