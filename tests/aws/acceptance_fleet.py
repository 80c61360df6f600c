"""A world in which an acceptance is played: what its deployment makes on moto is brought to life by processes.

::

    deploy ──CloudFormation──> moto ──functions' variables, queues, templates──> processes, pumps, real agents
    GitHub's stand-in <──token── branch, files, webhook; FIS's stand-in ──> the hypervisor's spot warning

What moto does not do is done as AWS does it: functions' lines come to their log groups, mapped queues have pumps.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import moto.settings
from boto3.session import Session
from moto.sqs.models import sqs_backends

from paddock.adapters.aws.stack import Image
from paddock.adapters.github.authors import RestAuthor
from paddock.adapters.memory.github.values import Timings
from paddock.adapters.memory.system import SeededChance
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import SystemClock
from paddock.core.spec import Arch
from paddock.core.units import MILLISECOND, MINUTE, SECOND
from paddock.entrypoints.acceptance.play import Parts, Patience
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.values import Books
from paddock.entrypoints.aws_acceptance.environment import StackEnvironment
from paddock.entrypoints.aws_acceptance.observer import FleetObserver
from paddock.entrypoints.aws_acceptance.opening import Wish, parts_of
from paddock.entrypoints.aws_stack import destroy
from paddock.entrypoints.aws_stack.packages import FILES, package
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.aws_stack.settings import StackSettings
from tests.aws import whole
from tests.aws.deployed import timeouts
from tests.aws.events import EventBridge, Schedule, called_by_url
from tests.aws.fis import FisStandIn, fis_standin
from tests.aws.hypervisor import Hypervisor
from tests.aws.invocations import logging_kept, url_event
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.moto_types import forget, whole_change_sets
from tests.aws.pump import Pump
from tests.aws.recorded import Caller
from tests.aws.runtime import NAMES, ProcessFunction, runtime
from tests.aws.steps import Tokens
from tests.aws.weather import EVERYBODY, Dice, Fleets
from tests.aws.whole import HANDLERS, MACHINE, MACHINE_SPANS, QUEUES, REPOSITORY, Senders
from tests.aws.wire import Wire, wire
from tests.http_stub import Answer, HttpStub, Seen, http_stub

NOTICE = 3.0  # seconds, at the usual pace, from the warning to the loss; at EC2 they are 120


@attrs.define
class World:
    """All of it. ``parts`` are what is played with, ``lines`` what was told."""

    github: GitHubStandIn
    fis: FisStandIn
    places: Places
    parts: Parts
    author: RestAuthor
    lines: list[str]
    clients: list[Any] = attrs.field(factory=list)

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        """The operator's own look at AWS."""
        made: Any = self.places.client(service)
        self.clients.append(made)
        return made


class Living:
    """The functions, queues and machines of a deployed stack, while they live."""

    def __init__(self, on: Wire, stub: HttpStub, root: Path, agent: Path, pace: int, senders: Senders) -> None:
        self.hypervisor: Hypervisor | None = None
        self.pumps: list[Pump] = []
        self._on, self._stub, self._root, self._agent = on, stub, root, agent
        self._pace, self._senders = pace, senders
        self._working, self._all = ExitStack(), ExitStack()
        self._shipped: dict[str, int] = {}

    def start(self, places: Places, stack: str) -> None:
        """Bring to life what was deployed."""
        on, chance = self._on, Dice(SeededChance(1))
        lambdas, sqs = self._client("AKIATEST", "lambda"), self._client("AKIAPUMP", "sqs")
        variables = {
            word: {
                **lambdas.get_function_configuration(FunctionName=f"{stack}-{word}")["Environment"]["Variables"],
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": on.url,
            }
            for word in NAMES
        }
        queues = {word: sqs.get_queue_url(QueueName=f"{stack}-{word}")["QueueUrl"] for word in QUEUES}
        for word in NAMES:
            for queue in QUEUES:
                for key, name in (
                    (f"PADDOCK_{queue.upper()}_URL", queue),
                    (f"PADDOCK_{queue.upper()}_DEAD_URL", f"{queue}-dead"),
                ):
                    if key in variables[word]:
                        variables[word][key] = sqs.get_queue_url(QueueName=f"{stack}-{name}")["QueueUrl"]
        with on.alone:  # moto maps queues to functions, too, and would run them in containers
            for word in QUEUES:
                sqs_backends[ACCOUNT][REGION].get_queue(f"{stack}-{word}").lambda_event_source_mappings.clear()
        address = self._all.enter_context(runtime(self._root))
        functions = {
            word: ProcessFunction(
                address,
                word,
                variables[word],
                on.recorded,
                self._root / f"{word}.log",
                timeout=timeouts()[word] * self._pace,
            )
            for word in NAMES
        }
        for function in functions.values():
            self._all.callback(function.close)
        call = called_by_url(functions["webhook"])

        def webhook(seen: Seen) -> Answer:
            status, body, headers = call(url_event(seen.body.decode(), seen.headers, method=seen.method))
            return Answer(status, body, headers)

        self._stub.answer = webhook  # type: ignore[method-assign]  # any path
        self._senders.role_id = variables["dispatch"]["PADDOCK_ROLE_ID"]
        bridge = EventBridge(self._client("AKIABRIDGE", "sqs"), queues["events"], chance)
        settings = {
            **MACHINE,
            **{span: length * self._pace for span, length in MACHINE_SPANS.items()},
            "cache": str(self._root / "cache"),
            "table": variables["dispatch"]["PADDOCK_TABLE"],
            "reports_queue_url": queues["reports"],
            "log_group": f"/paddock/{stack}/machines",
            "log_role": f"arn:aws:iam::{ACCOUNT}:role/{stack}-{REGION}-shipper",
            "archive_bucket": variables["schedules"]["PADDOCK_ARCHIVE_BUCKET"],
            "role_id": self._senders.role_id,
        }
        machines = self._root / "machines"
        machines.mkdir()
        self.hypervisor = Hypervisor(
            on,
            bridge,
            SystemClock(),
            fleet=stack,
            agent=self._agent,
            root=machines,
            settings=settings,
            pace=self._pace,
        )
        self.pumps = [
            Pump(
                self._client("AKIAPUMP", "sqs"),
                whole.mapped(word, queues[word], self._pace),
                functions[HANDLERS[word]],
                chance=chance,
                sender_of=self._senders.of,
            )
            for word in QUEUES
        ]
        minutely = [(3.0 * self._pace, {"task": "sweep"}), (6.0 * self._pace, {"task": "sweep_github"})]
        schedule = Schedule(functions["schedules"], minutely)
        self._all.callback(self.hypervisor.stop)
        self.hypervisor.start()
        working: list[Pump | Schedule] = [*self.pumps, schedule]
        for part in working:
            self._working.callback(part.stop)
            part.start()
        self.functions = functions
        del places

    def ship(self, stack: str) -> None:
        """Put what the functions wrote since the last time into their log groups."""
        logs = self._client("AKIATEST", "logs")
        for word in NAMES:
            path, group = self._root / f"{word}.log", f"/aws/lambda/{stack}-{word}"
            lines = path.read_text().splitlines() if path.exists() else []
            new = lines[self._shipped.get(word, 0) :]
            if word not in self._shipped:
                logs.create_log_stream(logGroupName=group, logStreamName="function")
            self._shipped[word] = len(lines)
            now = SystemClock().now() // MILLISECOND
            events = [{"timestamp": now, "message": line} for line in new]
            if events:
                logs.put_log_events(logGroupName=group, logStreamName="function", logEvents=events)

    def interrupt(self, machine: str) -> bool:
        """What FIS has EC2 do."""
        host = self.hypervisor.hosts.get(machine) if self.hypervisor is not None else None
        if self.hypervisor is None or host is None or host.market != "spot":
            return False
        self.hypervisor.warn(machine, NOTICE * self._pace)
        return True

    def stop_work(self) -> None:
        """Nothing is handed to the functions any more: their mappings and rules are gone."""
        self._working.close()

    def stop(self) -> None:
        """Everything is gone."""
        self.stop_work()
        self._all.close()

    def _client(self, keys: str, service: str) -> Any:  # noqa: ANN401 - as above
        session = Session(aws_access_key_id=keys, aws_secret_access_key="secret", region_name=REGION)
        made: Any = session.client(service, endpoint_url=self._on.url)  # type: ignore[call-overload]  # by a variable
        self._all.callback(made.close)
        return made


@attrs.define(kw_only=True)
class LivingEnvironment(StackEnvironment):
    """The real one, and what AWS does with what it makes: functions run, machines boot."""

    living: Living
    webhook: str

    def deploy(self, tell: Tell) -> str:
        """See the port."""
        super().deploy(tell)
        self.living.start(self.work.places, self.stack)
        return self.webhook

    def destroy(self, tell: Tell) -> None:
        """See the port."""
        self.living.stop_work()
        super().destroy(tell)


@attrs.define(kw_only=True)
class LivingObserver(FleetObserver):
    """The real one, to whom CloudWatch Logs has what functions print."""

    living: Living

    def books(self, jobs: Iterable[int], *, stories: bool) -> Books:
        """See the port."""
        if stories:
            self.living.ship(self.stack)
        return super().books(jobs, stories=stories)


def _settings(places: Places, environment: str) -> StackSettings:
    """In the network that there is: moto cannot delete one that it made for a stack."""
    subnets = places.ec2.describe_subnets()["Subnets"]
    images = [
        Image(
            arch=arch,
            source=places.ec2.register_image(Name=arch, Architecture=name, RootDeviceName="/dev/sda1")["ImageId"],
        )
        for arch, name in ((Arch.X64, "x86_64"), (Arch.ARM64, "arm64"))
    ]
    return StackSettings(
        environment=environment,
        region=REGION,
        vpc=subnets[0]["VpcId"],
        subnets=tuple(subnet["SubnetId"] for subnet in subnets[:2]),
        images=tuple(images),
    )


def _packages(root: Path, agent: Path) -> dict[str, Any]:
    build = root / "build"
    build.mkdir()
    for name in FILES:
        if name.endswith(".zip"):
            with zipfile.ZipFile(build / name, "w") as archive:
                archive.writestr("name.txt", name)
        else:
            (build / name).write_bytes(agent.read_bytes())
    return {name: package(build / name) for name in FILES}


@contextmanager
def world(root: Path, agent: Path, environment: str = "acceptance-1") -> Iterator[World]:
    """An account without anything, a repository without workflows, and all parts of an acceptance between them."""
    with ExitStack() as cleanup:
        cleanup.enter_context(logging_kept())
        pace, senders = whole.pace(), Senders()
        on = cleanup.enter_context(wire([senders, Fleets(), Tokens()]))
        cleanup.enter_context(whole_change_sets())
        keys = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": REGION}
        told = {**keys, "AWS_ENDPOINT_URL": on.url, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
        cleanup.enter_context(patch.dict("os.environ", told))
        cleanup.enter_context(patch.object(moto.settings, "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", new=True))
        cleanup.enter_context(patch.object(destroy, "QUIET", 0))  # real time passes here
        for key, caller in (("AKIATEST", "test"), ("AKIAPUMP", "pump"), ("AKIABRIDGE", "eventbridge")):
            on.recorded.know(key, Caller(caller))
        forget(on.url)
        cleanup.callback(forget, on.url)
        stub = cleanup.enter_context(http_stub())
        timings = Timings(assignment=20 * pace * SECOND, lease=12 * pace * SECOND, session=10 * pace * SECOND)
        github = cleanup.enter_context(GitHubStandIn(timings=timings, scale=whole.SCALE * pace))
        github.add_repository(REPOSITORY)
        living = Living(on, stub, root, agent, pace, senders)
        fis = cleanup.enter_context(fis_standin(living.interrupt))
        cleanup.callback(living.stop)
        places = Places(Session(region_name=REGION), REGION, {"fis": fis.url})
        cleanup.callback(_close, places)
        config = root / "paddock.yml"
        config.write_text(_config(github, pace), encoding="utf-8")
        wish = Wish(
            repository=REPOSITORY,
            settings=_settings(places, environment),
            packages=_packages(root, agent),
            token=github.credentials.personal_token,
            github=github.url,
            arch=box_arch().value,
            config=config,
            patience=Patience(look=SECOND // 4, scenarios=2 * pace * MINUTE, settle=pace * MINUTE),
        )
        lines: list[str] = []
        secrets = {"HOOK_SECRET": github.webhook_secret}
        opened = cleanup.enter_context(parts_of(wish, places, secrets, root, lines.append))
        lived = LivingEnvironment(work=opened.environment.work, lag=MINUTE, living=living, webhook=f"{stub.url}/")
        looking = LivingObserver(
            places=places,
            stack=lived.stack,
            opened=opened.observer.opened,
            calls=lambda: sum(1 for _ in on.recorded.of(*EVERYBODY)),
            living=living,
        )
        cleanup.callback(looking.close)
        opened.interrupter.pause = 100 * MILLISECOND
        parts = attrs.evolve(opened.parts, environment=lived, observer=looking)
        made = World(github, fis, places, parts, opened.repository.author, lines)
        yield made
        for client in made.clients:
            client.close()


def _config(github: GitHubStandIn, pace: int) -> str:
    """The fleet's paddock.yml, with spans as in tests of whole fleets, and the person's token."""
    text = whole.config(github, pace, "", github.url)
    lines = [
        "  token: {env: GITHUB_TOKEN}"
        if line.startswith("  app:")
        else line.replace("NOT_FOLLOWED_ON_AWS", "HOOK_SECRET")
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def _close(places: Places) -> None:
    close: Callable[[Any], None] = lambda client: client.close()  # noqa: E731 - of whatever was made
    for name in ("s3", "ec2", "functions", "secrets"):
        if name in vars(places):
            close(getattr(places, name))
