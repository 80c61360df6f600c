"""Every AWS call of a whole stack as it was on the wire: who made it, what was asked of which resource, and the answer.

Who called is told by the access key that signed: each environment of a function has keys of its own, and so has each
machine. Counters and comparisons with rights read this afterwards.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import attrs

MACHINE = "machine"
"""The function's name that stands for all machines."""

SESSION = "session"
"""What bears the tags that are asked for with a role."""

_KEY = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
_INSTANCE = re.compile(r"\bi-[0-9a-f]{8,17}\b")
_JOB = re.compile(r"\bJOB#(\d+)\b")
_TAG = re.compile(r"(?P<of>TagSpecification\.\d+)\.Tag\.\d+\.Key|Tags\.member\.\d+\.Key")
_NUMBERS = re.compile(r'\\?"(?:job_id|id)\\?": ?(\d+)')
_S3 = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_S3_IN_PARTS = {"PUT": "UploadPart", "POST": "UploadInParts", "DELETE": "AbortMultipartUpload"}
"""Its begin and its end are one name here: whoever may put an object may do both."""


@attrs.frozen
class Caller:
    """``function`` is a function's name or `MACHINE`; ``instance`` is one environment of it, or a machine's id.

    Of an environment also which of its invocations that is (from 1), and the kinds of the messages that it has in hand:
    ours by ``kind``, EventBridge's by ``detail-type``. A session of a role that was assumed has the last word of
    that role's name as its ``function``, the session's name as its ``instance``, the session's ``tags``, and what STS
    says is its ``user``.
    """

    function: str
    instance: str = ""
    turn: int = 0
    handed: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    user: str = ""


NOBODY = Caller("nobody")


class World(Protocol):
    """What a request does not say of what it speaks of."""

    def tags(self, instance: str) -> Mapping[str, str]:
        """Those that an instance bears; none of one that is not known."""

    def parts(self, template: str, version: str) -> tuple[str, ...]:
        """What a machine of a launch template is made of: ``image/…``, ``security-group/…``, ``role/…``."""


class Nothing:
    """A world in which nothing is."""

    def tags(self, _: str) -> Mapping[str, str]:
        """See `World`."""
        return {}

    def parts(self, _: str, __: str) -> tuple[str, ...]:
        """See `World`."""
        return ()


@attrs.frozen
class Request:
    """A request as it came. Header names are in lower case; ``path`` is as it was written, without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def access_key(self) -> str:
        """Whose keys signed it, "" for nobody's."""
        found = _KEY.search(self.headers.get("authorization", ""))
        return found.group(1) if found else ""

    @property
    def service(self) -> str:
        """The service that it was signed for."""
        found = _KEY.search(self.headers.get("authorization", ""))
        return found.group(2) if found else ""

    @property
    def operation(self) -> str:
        """As AWS calls it."""
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        if target:
            return target
        if self.service != "s3":
            return self.form.get("Action", "")
        if self.method == "GET" and self.path.strip("/").count("/") == 0:
            return "ListObjectsV2"
        parts = self.query.startswith("uploads") or "uploadId=" in self.query
        return (_S3_IN_PARTS if parts else _S3).get(self.method, self.method)

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a service that takes forms."""
        return dict(parse_qsl(self.body.decode("latin1"), keep_blank_values=True))

    @property
    def data(self) -> dict[str, object]:
        """The parameters of a service that takes JSON; {} of any other."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@attrs.frozen
class Reply:
    """What was answered."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen(kw_only=True)
class Call:
    """One request on the wire; what is tried again is one more.

    ``resources`` are names as rights speak of them: ``table/jobs``, ``table/jobs/index/state``, ``queue/events``,
    ``bucket/key``, ``secret/name``, ``instance/i-…``, ``log-group/name:log-stream:name``, ``topic/name``,
    ``role/name``; of a launch ``launch-template/…``, ``subnet/…`` and the `World.parts`. ``leading`` are the partition
    keys that are written to or read; ``acts`` what a transaction does (``Put``, ``Update``, ...), each kind with its
    own keys. ``tags`` are those that are asked for, by the kind of what is to bear them (`SESSION`: a role's),
    ``bears`` those of the resources before the call, as far as they are known.
    ``change`` is what an update does, in DynamoDB's words. ``jobs`` and ``machines`` are those that are spoken of, as
    far as that can be seen. ``made_up``: the answer was a
    fault of the test's, and nobody behind it was asked. ``status`` 0: no answer reached the caller.
    """

    number: int
    caller: Caller
    service: str
    operation: str
    resources: tuple[str, ...]
    leading: tuple[str, ...] = ()
    acts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    change: str = ""
    jobs: tuple[int, ...] = ()
    machines: tuple[str, ...] = ()
    entries: int = 1
    status: int = 200
    made_up: bool = False
    tags: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict, hash=False)
    bears: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict, hash=False)

    @property
    def action(self) -> str:
        """Service and operation."""
        return f"{self.service}:{self.operation}"


class Recorded:
    """The calls so far, in the order of their arrival, and whose keys are whose. Safe for threads."""

    def __init__(self, world: World | None = None) -> None:
        self.calls: list[Call] = []
        self._world = world or Nothing()
        self._callers: dict[str, Caller] = {}
        self._numbers = itertools.count(1)
        self._lock = Lock()

    def know(self, access_key: str, caller: Caller) -> None:
        """From now on calls that are signed with these keys are this caller's."""
        with self._lock:
            self._callers[access_key] = caller

    def assumed(self, call: Call, request: Request, reply: Reply) -> None:
        """From now on calls that are signed with the keys of this answer to an AssumeRole are that session's.

        The session is known by the last word of the role's name: the one under which its rights are to be found.
        """
        key, user = (
            re.findall(f"<{name}>(.+?)</{name}>", reply.body.decode())[0] for name in ("AccessKeyId", "AssumedRoleId")
        )
        (role,) = call.resources
        tags = tuple(sorted(call.tags.get(SESSION, {}).items()))
        self.know(key, Caller(re.split("[/-]", role)[-1], request.form["RoleSessionName"], tags=tags, user=user))

    def begun(self, request: Request) -> Call:
        """The call that a request makes, not yet kept: nobody has answered it."""
        with self._lock:
            caller = self._callers.get(request.access_key, NOBODY)
            number = next(self._numbers)
        resources, leading = _resources(request, self._world)
        text = request.body.decode("latin1")
        said = [*_JOB.findall(text), *(_NUMBERS.findall(text) if request.service == "sqs" else ())]
        machines = {*_INSTANCE.findall(text), *_INSTANCE.findall(unquote(request.path))}
        return Call(
            number=number,
            caller=caller,
            service=request.service,
            operation=request.operation,
            resources=resources,
            leading=leading,
            acts=_kinds(request.data),
            change=str(request.data.get("UpdateExpression", "")),
            jobs=tuple(sorted({int(one) for one in said})),
            machines=tuple(sorted(machines | ({caller.instance} if caller.function == MACHINE else set()))),
            entries=_entries(request),
            tags=_tags(request.form) if request.service in {"ec2", "sts"} else {},
            bears={one: self._world.tags(one.partition("/")[2]) for one in resources if one.startswith("instance/")},
        )

    def ended(self, call: Call, status: int, *, made_up: bool = False) -> None:
        """Keep the call with what came of it."""
        with self._lock:
            self.calls.append(attrs.evolve(call, status=status, made_up=made_up))

    def of(self, *functions: str) -> Iterator[Call]:
        """The calls of these functions, all of their environments."""
        return (call for call in list(self.calls) if call.caller.function in functions)

    def actions(self, function: str) -> set[str]:
        """The operations that a function asked for, with their services."""
        return {call.action for call in self.of(function)}

    def counts(self, functions: Iterable[str] | None = None) -> Counter[tuple[str, str]]:
        """How often each function asked for each operation."""
        wanted = None if functions is None else set(functions)
        return Counter(
            (call.caller.function, call.action)
            for call in list(self.calls)
            if wanted is None or call.caller.function in wanted
        )


def kinds_of(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of the messages in a function's event, each once; () if it is none of a queue."""
    kinds: set[str] = set()
    for record in event.get("Records", ()):
        try:
            body = json.loads(record.get("body", ""))
        except ValueError:
            continue
        if isinstance(body, dict):
            kinds.add(str(body.get("detail-type", body.get("kind", ""))))
    return tuple(sorted(kinds))


def _resources(request: Request, world: World) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The resources of a request, and its partition keys."""
    data = request.data
    if request.service == "dynamodb":
        return _tables(data)
    if request.service == "ec2":
        return tuple(dict.fromkeys(_of_ec2(request.form, world))), ()
    form, path = request.form, unquote(request.path).lstrip("/")
    stream = f":log-stream:{data['logStreamName']}" if "logStreamName" in data else ""
    named = {
        "sqs": f"queue/{str(data.get('QueueUrl', '')).rpartition('/')[2]}",
        "secretsmanager": f"secret/{data.get('SecretId', '')}",
        "logs": f"log-group/{data.get('logGroupName', '')}{stream}",
        "s3": f"bucket/{path.removesuffix('/') if path.count('/') == 1 else path}",
        "sns": f"topic/{form.get('TopicArn', '').rpartition(':')[2]}",
        "sts": f"role/{form.get('RoleArn', '').partition(':role/')[2]}",
    }
    return (named[request.service],) if request.service in named else (), ()


def _of_ec2(form: Mapping[str, str], world: World) -> Iterator[str]:
    for name, value in form.items():
        if name.startswith("InstanceId."):
            yield f"instance/{value}"
        elif name.endswith(".LaunchTemplateId"):
            yield f"launch-template/{value}"
            yield from world.parts(value, form[name.removesuffix("LaunchTemplateId") + "Version"])
        elif name.endswith(".SubnetId"):
            yield f"subnet/{value}"
        elif name.endswith(".DefaultTargetCapacityType") and value == "spot":
            yield "spot-instances-request/new"


def _tags(form: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The tags that are asked for, by the kind of what is to bear them."""
    found: dict[str, dict[str, str]] = {}
    for name, key in form.items():
        tag = _TAG.fullmatch(name)
        if tag:
            kind = form[f"{tag['of']}.ResourceType"] if tag["of"] else SESSION
            found.setdefault(kind, {})[key] = form[name.removesuffix("Key") + "Value"]
    return found


def _tables(data: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tables and indexes, and partition keys, of single items, of batches and of transactions."""
    if "TableName" in data:
        name = f"table/{data['TableName']}"
        index = f"/index/{data['IndexName']}" if "IndexName" in data else ""
        return (name + index,), tuple(_keys(data))
    tables: dict[str, None] = {}
    keys: dict[str, None] = {}
    batches = data.get("RequestItems")
    if isinstance(batches, dict):
        for table, asked in batches.items():
            tables[f"table/{table}"] = None
            keys.update(dict.fromkeys(key["pk"]["S"] for key in asked.get("Keys", ())))
    for act in _acts(data):
        for one in act.values():
            tables[f"table/{one['TableName']}"] = None
            keys.update(dict.fromkeys(_keys(one)))
    return tuple(tables), tuple(keys)


def _acts(data: Mapping[str, object]) -> list[dict[str, Any]]:
    """The acts of a transaction, each with its name."""
    acts = data.get("TransactItems")
    return acts if isinstance(acts, list) else []


def _kinds(data: Mapping[str, object]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The kinds of a transaction's acts, each with the partition keys that are acted on."""
    kinds: dict[str, list[str]] = {}
    for act in _acts(data):
        for name, one in act.items():
            kinds.setdefault(name, []).extend(_keys(one))
    return tuple((name, tuple(keys)) for name, keys in sorted(kinds.items()))


def _keys(data: Mapping[str, object]) -> Iterator[str]:
    for name in ("Key", "Item"):
        found = data.get(name)
        if isinstance(found, dict):
            yield found["pk"]["S"]


def _entries(request: Request) -> int:
    """How many messages, items or machines the call carries."""
    entries = request.data.get("Entries")
    return len(entries) if isinstance(entries, list) else 1
