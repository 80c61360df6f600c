"""What moto's EC2 never does, put between botocore and it by botocore's hooks.

* A pool that is dry, or a fleet that is cut short: fewer machines, with ``Errors`` in a successful answer.
* A refusal on the wire (throttles, 5xx, anything): botocore sees a real answer, and tries again as it would.
* The memory of client tokens, as EC2's documentation promises it.
* Machines that cannot be stopped or started: moto does it in whatever state they are.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import attrs
import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.core.spec import Market

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

_ASKED, _DRY = "tests.asked", "tests.dry"  # what a request carries with it through botocore


@attrs.frozen
class Dry:
    """Pools that have nothing, by type, zone and market (None: any), and what EC2 says of them."""

    code: str = "InsufficientInstanceCapacity"
    instance_type: str | None = None
    zone: str | None = None
    market: Market | None = None

    def concerns(self, instance_type: str, zone: str, market: str) -> bool:
        """True if a machine could not be started from this pool."""
        return (
            self.instance_type in {None, instance_type} and self.zone in {None, zone} and self.market in {None, market}
        )


@attrs.frozen
class Refusal:
    """An answer that is an error."""

    status: int
    code: str
    message: str = "no"

    @property
    def body(self) -> bytes:
        """As EC2 words it."""
        error = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        return f"<Response><Errors>{error}</Errors><RequestID>r-1</RequestID></Response>".encode()


class _Raw(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """All of it."""
        yield self.read()


class Ec2Faults:
    """Faults of one client. ``sent`` are the operations that went onto the wire, ``asked`` the fleets' parameters."""

    def __init__(self, client: "EC2Client", settings: Ec2Settings) -> None:
        """Args: the client whose hooks are used; whose subnets are whose zones."""
        self.sent: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.dry: list[Dry] = []
        self.most: int | None = None  # machines that one fleet gets; the rest is cut off ...
        self.most_code = "RequestLimitExceeded"  # ... by this error, which names no pool
        self.refusals: dict[str, list[Refusal | None]] = {}  # None: as EC2 likes
        self._settings = settings
        self._client = client
        events: Any = client.meta.events  # its stubs know of no hook that returns anything
        events.register_first("provide-client-params.ec2.CreateFleet", self._take_away)
        events.register("before-call.ec2.CreateFleet", self._nothing_left)
        events.register("after-call.ec2.CreateFleet", self._tell)
        events.register("before-send.ec2", self._refuse)

    def clear(self) -> None:
        """No more faults."""
        self.dry, self.most, self.refusals = [], None, {}

    def remember_tokens(self) -> "ClientTokens":
        """From here on tokens are remembered."""
        return ClientTokens(self._client)

    def mind_states(self) -> None:
        """From here on spot machines are not stopped, and ended ones are neither stopped nor started, as at EC2."""
        events: Any = self._client.meta.events
        for operation in ("StopInstances", "StartInstances"):
            events.register_first(f"before-call.ec2.{operation}", self._mind)

    def _mind(self, params: dict[str, Any], model: Any, **_: object) -> tuple[object, Any] | None:  # noqa: ANN401
        """EC2 refuses the whole call, and names those that it is about."""
        ids = [value for name, value in params["body"].items() if name.startswith("InstanceId.")]
        found = self._client.describe_instances(Filters=[{"Name": "instance-id", "Values": ids}])
        instances = [one for reservation in found["Reservations"] for one in reservation.get("Instances", ())]
        stop = model.name == "StopInstances"
        ended = [one.get("InstanceId") for one in instances if one.get("State", {}).get("Name") == "terminated"]
        spot = [one.get("InstanceId") for one in instances if stop and one.get("InstanceLifecycle") == "spot"]
        if not ended and not spot:
            return None
        code = "IncorrectInstanceState" if ended else "UnsupportedOperation"
        error = {"Code": code, "Message": f"The instance '{', '.join(map(str, ended or spot))}' cannot do that"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    def _take_away(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
        context[_ASKED] = deepcopy(params)
        self.asked.append(context[_ASKED])
        params = deepcopy(params)
        target = params["TargetCapacitySpecification"]
        market = target["DefaultTargetCapacityType"]
        (config,) = params["LaunchTemplateConfigs"]
        left, errors = [], []
        for override in config["Overrides"]:
            name, zone = override["InstanceType"], self._settings.zone(override["SubnetId"])
            dry = next((one for one in self.dry if one.concerns(name, zone, market)), None)
            if dry is None:
                left.append(override)
            else:
                errors.append(_error(dry.code, market, {"Overrides": {**override, "AvailabilityZone": zone}}))
        config["Overrides"] = left
        if self.most is not None and self.most < target["TotalTargetCapacity"]:
            target["TotalTargetCapacity"] = self.most
            errors.append(_error(self.most_code, market, {}))
        context[_DRY] = errors
        return params

    def _nothing_left(self, params: dict[str, Any], **_: object) -> tuple[object, Any] | None:
        body = params["body"]
        if "LaunchTemplateConfigs.1.Overrides.1.SubnetId" in body and int(
            body["TargetCapacitySpecification.TotalTargetCapacity"]
        ):
            return None
        return SimpleNamespace(status_code=200), {"FleetId": "fleet-none", "ResponseMetadata": {}}

    def _tell(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if context.get(_DRY) and "Error" not in parsed:
            parsed["Errors"] = context[_DRY]

    def _refuse(self, request: Any, event_name: str, **_: object) -> AWSResponse | None:  # noqa: ANN401 - botocore's
        operation = event_name.rpartition(".")[2]
        self.sent.append(operation)
        waiting = self.refusals.get(operation)
        if not waiting:
            return None
        refusal = waiting.pop(0)
        if refusal is None:
            return None
        return AWSResponse(request.url, refusal.status, HTTPHeaders(), _Raw(refusal.body))


def _error(code: str, market: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "LaunchTemplateAndOverrides": dict(chosen),
        "Lifecycle": market,
        "ErrorCode": code,
        "ErrorMessage": f"no {market} machines of this kind",
    }


class ClientTokens:
    """Answers of CreateFleet by client token: an equal request gets the first one's answer, any other is refused.

    One request at a time, so that of two with one token the second finds the first one's answer.
    """

    def __init__(self, client: "EC2Client") -> None:
        """Args: the client whose hooks are used, after those of `Ec2Faults`."""
        self._answers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._one = Lock()
        events: Any = client.meta.events  # its stubs know of no hook that returns anything
        events.register_first("before-call.ec2.CreateFleet", self._known)
        events.register_last("after-call.ec2.CreateFleet", self._keep)
        events.register_last("after-call-error.ec2.CreateFleet", self._give_up)

    def _known(self, context: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]] | None:
        self._one.acquire()
        asked = context[_ASKED]
        if asked["ClientToken"] not in self._answers:
            return None
        before, answer = self._answers[asked["ClientToken"]]
        context[_DRY] = []
        if before == asked:
            return SimpleNamespace(status_code=200), deepcopy(answer)
        error = {"Code": "IdempotentParameterMismatch", "Message": "the client token stands for another request"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    def _keep(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        asked = context[_ASKED]
        if "Error" not in parsed:
            self._answers.setdefault(asked["ClientToken"], (asked, deepcopy(parsed)))
        self._one.release()

    def _give_up(self, **_: object) -> None:
        self._one.release()


@contextmanager
def no_naps() -> Iterator[list[float]]:
    """Within it botocore waits for nothing between its tries; the seconds that it would have waited."""
    naps: list[float] = []
    with patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=naps.append)):
        yield naps
