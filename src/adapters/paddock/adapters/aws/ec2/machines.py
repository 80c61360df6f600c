"""The port `Machines` on EC2."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.answer import Reader, all_of, told
from paddock.adapters.aws.ec2.errors import CODES, named
from paddock.adapters.aws.ec2.instances import machine_of
from paddock.adapters.aws.ec2.offerings import Offerings
from paddock.adapters.aws.ec2.request import FLEET, LAUNCH, REQUEST, digest, fleet_request
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.aws.ec2.sleep import Sleep
from paddock.adapters.aws.ec2.toll import Toll, levy
from paddock.adapters.aws.errors import Asking, code_of
from paddock.adapters.prices import listed_in_catalogue
from paddock.core.catalogue import CATALOGUE, InstanceType, fitting
from paddock.core.costs.price import Quoting
from paddock.core.errors import AccessDenied, NoCapacity, NotFound, TokenReused
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock
from paddock.core.spec import Offer, RunnerSpec

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeInstancesResultTypeDef, FilterTypeDef, InstanceTypeDef

NO_OFFER = "NoOffer: every offer that fits was left out of the request"
MOST_POOLS = 300  # EC2's limit for the other types of fleets; for instant ones it names none
CHUNK = 200  # ids in a call: EC2 takes 1,000 and advises fewer; a filter takes so many values
MOST_RESULTS = 1_000  # of a page
ALIVE = ("pending", "running", "stopping", "stopped")


class Ec2Machines:
    """A fleet's machines in one region. Safe for threads.

    Requests: `launch` one (CreateFleet), and one DescribeInstances more in the rare case that EC2 takes its token as
    reused; `describe` one per `CHUNK` ids, and a second one where some are unknown; `page` one; `terminate` one per
    `CHUNK` ids, and one or two more where some are unknown; `stop` and `start` as many as `Sleep` says; `offers` none,
    except for what `Offerings` asks a few times a day.
    """

    def __init__(
        self,
        clients: Clients,
        settings: Ec2Settings,
        clock: Clock,
        *,
        types: Sequence[InstanceType] = CATALOGUE,
        page_size: int = MOST_RESULTS,
        most_pools: int = MOST_POOLS,
        quoting: Quoting = listed_in_catalogue,
        toll: Toll | None = None,
    ) -> None:
        """Args: the catalogue of what may be launched; the most machines on a page, and pools that a fleet may name.

        `quoting` says what a machine costs; by default the catalogue. `toll` is paid for every request that goes out,
        repetitions included; what it raises comes in EC2's stead.
        """
        self._clients = clients
        self._settings = settings
        self._clock = clock
        self._types = types
        self._kinds = {kind.name: kind for kind in types}
        self._page_size = page_size
        self._most_pools = most_pools
        self._quoting = quoting
        self._toll = toll
        self._ask = Asking(CODES)
        self._reader = Reader(settings, self._kinds, quoting)
        self._offerings = Offerings(
            clients, self._ask, clock, types=tuple(self._kinds), zones=tuple(sorted(settings.subnets))
        )

    def offers(self, spec: RunnerSpec) -> tuple[Offer, ...]:
        """The cheapest types that fit, in every zone that has them; at most as many as a fleet may name."""
        if self._settings.template(spec) is None:
            return ()
        known = self._offerings.all()
        fit = (Offer(zone, kind.name) for kind in fitting(spec, self._types) for zone in sorted(self._settings.subnets))
        return tuple(sorted([offer for offer in fit if offer in known][: self._most_pools]))

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """One instant fleet under the request's token, which EC2 remembers: a repetition brings the same answer.

        The answer says what was started, not how it is by now: a repetition calls machines pending that may have ended
        meanwhile. Where EC2 refuses the token (the fleet's settings have changed since its first use, or its machines
        have ended), the machines are looked up by the tag that says what they were launched for.

        Raises:
            TokenReused: the token was used with another request.
            Rejected: EC2 does not take our request, e.g. there is no such launch template.
            ValueError: the token or the count is not one that EC2 takes.
        """
        request.check()
        template = self._settings.template(request.spec)
        if template is None:
            image = f"image {request.spec.image!r}" if request.spec.image else "image"
            return LaunchOutcome((), (f"NoTemplate: no {image} for {request.spec.arch} here",), permanent=True)
        offers = self.offers(request.spec)
        if not offers:
            text = f"NoFittingType: no instance type here serves {request.spec}"
            return LaunchOutcome((), (text,), permanent=True)
        left_out = frozenset(request.without)
        left = [offer for offer in offers if offer not in left_out]
        if not left:
            return LaunchOutcome((), (NO_OFFER,))
        asked = fleet_request(request, left, self._settings, template)
        try:
            answer = self._ask(self._client.create_fleet, **asked)
        except NoCapacity as error:
            words, code = _words(error)
            return LaunchOutcome((), (words,), lacks=all_of(left, request, code))
        except TokenReused:
            machines = self._launched(request)
            if not machines:
                raise
            return LaunchOutcome(machines)
        return self._reader.outcome(answer, request, left, self._clock.now())

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id; those that are unknown, not seen yet or long gone are missing."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Machine] = {}
        for chunk in _chunks(wanted):
            for instance in self._described(chunk):
                machine = self._machine(instance)
                found[machine.id] = machine
        return {id_: found[id_] for id_ in wanted if id_ in found}

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """Machines that bear the fleet's tag and have not ended, in EC2's order.

        Raises:
            Rejected: the cursor is not one of EC2's, or too old.
        """
        of_fleet: Sequence[FilterTypeDef] = [
            {"Name": f"tag:{FLEET}", "Values": [self._settings.fleet]},
            {"Name": "instance-state-name", "Values": ALIVE},
        ]
        page = self._listed(of_fleet, cursor, self._page_size)
        return Page(tuple(self._machine(one) for one in _instances(page)), page.get("NextToken") or None)

    def terminate(self, ids: Sequence[str]) -> None:
        """End the machines, whatever they are doing. Idempotent, as EC2's own call is.

        Raises:
            AccessDenied: one of them is not ours or is protected. EC2 then ends none of its chunk.
        """
        for chunk in _chunks(list(dict.fromkeys(ids))):
            self._terminate(chunk)

    def stop(self, ids: Sequence[str]) -> None:
        """Let the machines sleep; see `Machines.stop` and `Sleep`. Idempotent, as EC2's own call is.

        Raises:
            AccessDenied: one of them is not ours, or is protected. EC2 then stops none of its call.
            Rejected: some can never be stopped; all others were.
            Unavailable: some cannot be stopped yet; all others were.
        """
        self._sleep.stop(ids)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake the machines; see `Machines.start` and `Sleep`. Idempotent, as EC2's own call is.

        Raises:
            AccessDenied: one of them is not ours. EC2 then starts none of its call.
        """
        return self._sleep.start(ids)

    @cached_property
    def _client(self) -> "EC2Client":
        client = self._clients.ec2
        if self._toll is not None:
            levy(client, self._toll)
        return client

    @cached_property
    def _sleep(self) -> Sleep:
        return Sleep(self._client, self._ask, self._look)

    def _terminate(self, ids: Sequence[str]) -> None:
        """One unknown id fails a whole call: it is made again for the others, as often as that happens."""
        try:
            self._ask(self._client.terminate_instances, InstanceIds=ids)
        except NotFound as error:
            said = named(error)
            known = [id_ for id_ in ids if id_ not in said]
            if len(known) == len(ids):  # it names nobody: whoever is unknown is found by halves
                half = len(ids) // 2
                parts = [ids[:half], ids[half:]] if half else []
            else:
                parts = [known]
        except AccessDenied:
            # Our rights go by a tag, and what is long gone has no tags: then EC2 denies what it does not know.
            alive = [machine.id for machine in self._look(ids).values() if machine.alive]
            if len(alive) == len(ids):
                raise
            parts = [alive]
        else:
            return
        for part in filter(None, parts):
            self._terminate(part)

    def _described(self, ids: Sequence[str]) -> Iterator["InstanceTypeDef"]:
        """By their ids, which EC2 answers fastest; where some are unknown, by a filter, which passes over them."""
        try:
            yield from _instances(self._ask(self._client.describe_instances, InstanceIds=ids))
        except NotFound:
            yield from self._by_filter(ids)

    def _by_filter(self, ids: Sequence[str]) -> Iterator["InstanceTypeDef"]:
        return self._filtered([{"Name": "instance-id", "Values": ids}])

    def _look(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        seen = (self._machine(instance) for instance in self._by_filter(ids))
        return {machine.id: machine for machine in seen}

    def _machine(self, instance: "InstanceTypeDef") -> Machine:
        return machine_of(instance, self._kinds, self._settings.fleet, self._quoting)

    def _launched(self, request: LaunchRequest) -> tuple[Machine, ...]:
        """What this very request was given before, ended machines included; empty if that is not known."""
        of_launch: Sequence[FilterTypeDef] = [
            {"Name": f"tag:{FLEET}", "Values": [self._settings.fleet]},
            {"Name": f"tag:{LAUNCH}", "Values": [request.token]},
            {"Name": f"tag:{REQUEST}", "Values": [digest(request)]},
        ]
        found = [self._machine(instance) for instance in self._filtered(of_launch)]
        return tuple(sorted(found, key=lambda machine: machine.id))

    def _filtered(self, filters: "Sequence[FilterTypeDef]") -> Iterator["InstanceTypeDef"]:
        cursor: str | None = None
        while True:
            page = self._listed(filters, cursor, MOST_RESULTS)
            yield from _instances(page)
            cursor = page.get("NextToken") or None
            if cursor is None:
                return

    def _listed(
        self, filters: "Sequence[FilterTypeDef]", cursor: str | None, most: int
    ) -> "DescribeInstancesResultTypeDef":
        describe = self._client.describe_instances
        if cursor is None:
            return self._ask(describe, Filters=filters, MaxResults=most)
        return self._ask(describe, Filters=filters, MaxResults=most, NextToken=cursor)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _instances(page: "DescribeInstancesResultTypeDef") -> Iterator["InstanceTypeDef"]:
    return (instance for reservation in page["Reservations"] for instance in reservation.get("Instances", ()))


def _words(error: NoCapacity) -> tuple[str, str]:
    """EC2's refusal of a whole fleet, worded as the port wants it, and its code."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return told("", str(error)), ""
    code = code_of(cause)
    return told(code, str(cause.response.get("Error", {}).get("Message", ""))), code
