"""The checks of a fleet on AWS: the account, the stack and its parts, what machines are made of, where they stand."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import attrs

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudformation.values import FAILED_TO_BE_MADE, GOOD, STUCK
from paddock.adapters.aws.codes import LAMBDA, SECRETS
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.ec2.offerings import Offerings
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.health import account, network, parts, sources, watch
from paddock.adapters.aws.roles import SLACK
from paddock.adapters.aws.s3.codes import CODES as S3
from paddock.adapters.config import Config, load
from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.core.catalogue import CATALOGUE
from paddock.core.errors import InvalidInput, NotFound, PaddockError
from paddock.core.health.clock import judge_clock
from paddock.core.health.finding import Check, Finding, Once, failure, fine, warning
from paddock.core.health.fleet import PAUSE, TASKS, judge_pause, judge_tasks
from paddock.core.health.needs import judge_quota, needs, specs_of
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market
from paddock.core.switch import PAUSED
from paddock.entrypoints.aws_lambda.fleet_settings import FleetEnvironment, fleet_environment
from paddock.entrypoints.aws_operator import open_stack
from paddock.entrypoints.aws_stack.deploy import unstuck
from paddock.entrypoints.aws_stack.exported import variables_of
from paddock.entrypoints.aws_stack.packages import packages
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.doctor.deployed import Deployed

STACK: Final = "stack"
VERSION: Final = "version"
CONFIG: Final = "paddock.yml"
CLOCK: Final = "clock, by AWS"
_FUNCTIONS: Final = ("webhook", "dispatch", "events", "reports", "schedules")
_QUEUED: Final = ("dispatch", "events", "reports")
_RULES: Final = ("housekeeping", "machine-warned", "machine-changed")
_STORM: Final = "storm"
"""The rule of a stack that is watched."""
_RIGHTS: Final = "docs/aws.md lists the rights that it needs; `aws sts get-caller-identity` says who you are"
_SIGN_IN: Final = "sign in to AWS: AWS_PROFILE, `aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_lambda: Final = Asking(LAMBDA)
_s3: Final = Asking(S3)
_secrets: Final = Asking(SECRETS)


@attrs.frozen(kw_only=True)
class Here:
    """What this machine has of a fleet: its paddock.yml and its packages, which may be other ones than are deployed."""

    config: Path
    build: Path


class AwsSide:
    """Asks AWS. ``config``, ``credentials``, ``url`` and ``env`` are for whoever asks GitHub of the same fleet."""

    def __init__(self, places: Places, stack: str, here: Here, clock: Clock, environ: Mapping[str, str]) -> None:
        """Args: the account and region, the stack's name, what lies here, the time, and this process's environment."""
        self._places = places
        self._stack = stack
        self._at = Deployed(places, stack)
        self.env = self._at.env
        self._here = here
        self._clock = clock
        self._environ = environ
        self._standing = self._at.standing
        self._fleet = Once("the functions' variables", self._variables)
        self._deployed = Once("the deployed paddock.yml", self._fetched)
        self.config: Callable[[], Config] = Once("the deployed paddock.yml", self._loaded)
        self._subnets = Once("the subnets", self._seen_subnets)

    def checks(self) -> list[Check]:
        """All of them, in an order in which what others need comes first."""
        return [
            Check(account.CREDENTIALS, self._credentials, _SIGN_IN),
            Check(STACK, self._status, _RIGHTS),
            Check(VERSION, self._version, _RIGHTS),
            Check(CONFIG, self._same_config, _RIGHTS),
            Check(account.SPOT_ROLE, self._spot_role, _RIGHTS),
            Check("quota, spot", lambda: self._quota(Market.SPOT), _RIGHTS),
            Check("quota, on demand", lambda: self._quota(Market.ON_DEMAND), _RIGHTS),
            Check(sources.IMAGES, self._images, _RIGHTS),
            Check(sources.OFFERINGS, self._offers, _RIGHTS),
            Check(network.SUBNETS, self._addresses, _RIGHTS),
            Check(network.ROUTES, lambda: network.judge_routes(self._subnets()), _RIGHTS),
            Check(parts.FUNCTIONS, self._functions, _RIGHTS),
            Check(parts.MAPPINGS, self._mappings, _RIGHTS),
            Check(parts.RULES, self._rules, _RIGHTS),
            Check(parts.SECRETS, self._secrets, _RIGHTS),
            Check(parts.LETTERS, self._letters, _RIGHTS),
            Check(TASKS, self._records, _RIGHTS),
            Check(watch.ALARMS, lambda: watch.judge_alarms(self._alarms(), self._at.deploy), _RIGHTS),
            Check(watch.TOPIC, self._told, _RIGHTS),
        ]

    def credentials(self) -> Credentials:
        """By what right the fleet asks GitHub: the secret is read as its functions read it, and shown to nobody."""
        config = self.config()
        secret: str = _secrets(
            self._client("secretsmanager").get_secret_value, SecretId=self._fleet().github_secret
        ).get("SecretString", "")
        app = config.github.app
        return TokenCredentials(secret) if app is None else AppCredentials(app.id, secret, app.installation_id)

    def url(self) -> str:
        """Where GitHub is to send."""
        return self._standing().outputs.get("WebhookUrl", "")

    # -- what several checks need ------------------------------------------------------------------------------------

    def _client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        return self._places.client(service)

    def _alarms(self) -> Sequence[watch.Alarm]:
        return watch.alarms(self._client("cloudwatch"), self._stack)

    def _watched(self) -> bool:
        """Whether the stack has alarms. Who may not see them is told so by their own check."""
        try:
            return bool(self._alarms())
        except PaddockError:
            return False

    def _variables(self) -> FleetEnvironment:
        name = self._at.output("DispatchFunction")
        found = _lambda(self._places.functions.get_function_configuration, FunctionName=name)
        return fleet_environment({**found["Environment"]["Variables"], "AWS_REGION": self._places.region})

    def _fetched(self) -> bytes:
        at = self._fleet().config
        content: bytes = _s3(self._places.s3.get_object, Bucket=at.bucket, Key=at.key)["Body"].read()
        return content

    def _loaded(self) -> Config:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "paddock.yml"
            file.write_bytes(self._deployed())
            return load(file)

    def _settings(self) -> FleetSettings:
        """The deployed settings. Of processors the fleet has those that it has images of."""
        found = tuple(dict.fromkeys(one.arch for one in self._fleet().ec2.templates if not one.image))
        settings = self.config().settings
        return attrs.evolve(settings, arches=found or settings.arches)

    def _seen_subnets(self) -> tuple[network.Subnet, ...]:
        return network.subnets(self._places.ec2, list(self._fleet().ec2.subnets.values()))

    # -- the checks ---------------------------------------------------------------------------------------------------

    def _credentials(self) -> Iterator[Finding]:
        found = account.caller(self._client("sts"))
        yield account.judge_caller(found, self._places.region)
        yield judge_clock(CLOCK, self._clock.now(), found.date, "AWS")

    def _status(self) -> Iterator[Finding]:
        try:
            standing = self._standing()
        except NotFound as error:
            yield failure(STACK, str(error), "; ".join(getattr(error, "__notes__", ())))
            return
        said = f"{standing.name} is {standing.status}"
        again = f"`paddock stack status --env {self.env}` says why"
        if standing.status in GOOD:
            yield fine(STACK, said)
        elif standing.busy:
            yield warning(STACK, said, f"wait until that has ended; {again}")
        elif standing.status in FAILED_TO_BE_MADE:
            yield failure(STACK, said, f"{again}; then `paddock stack destroy --env {self.env}`, and deploy anew")
        elif standing.status == STUCK:
            yield failure(STACK, said, unstuck(standing.name, self._places.region))
        else:
            yield warning(STACK, f"{said}: the last deployment was taken back", f"{again}; then deploy again")

    def _version(self) -> Iterator[Finding]:
        deployed = self._standing().parameters
        try:
            built = packages(self._here.build)
        except InvalidInput:
            yield fine(VERSION, f"nothing is built in {self._here.build} to compare what is deployed with")
            return
        here = {
            "WebhookBundle": built["paddock-webhook.zip"].key,
            "FunctionsBundle": built["paddock-functions.zip"].key,
            "AgentSha256": built["paddock-agent.pyz"].sha256,
        }
        other = [name for name, value in here.items() if deployed.get(name) != value]
        if other:
            fix = f"{self._at.deploy}; or `paddock stack package`, if what is built here is old"
            yield warning(VERSION, f"another version is deployed than is built here ({', '.join(other)})", fix)
        else:
            yield fine(VERSION, "what is built here is what is deployed")

    def _same_config(self) -> Iterator[Finding]:
        deployed, here = self._deployed(), self._here.config
        self.config()
        if here.is_file() and hashlib.sha256(here.read_bytes()).digest() != hashlib.sha256(deployed).digest():
            fix = f"{self._at.deploy} brings it there; what follows is about the deployed one"
            yield warning(CONFIG, f"{here} is another one than is deployed", fix)
        else:
            yield fine(CONFIG, "the deployed one is valid")

    def _spot_role(self) -> Iterator[Finding]:
        yield account.judge_spot_role(self._client("iam"))

    def _quota(self, market: Market) -> Iterator[Finding]:
        spot, on_demand = needs(self._settings())
        has = account.quota(self._client("service-quotas"), market)
        name, need = ("quota, spot", spot) if market is Market.SPOT else ("quota, on demand", on_demand)
        yield judge_quota(name, has, need, account.more_of(market, self._places.region))

    def _images(self) -> Iterator[Finding]:
        found = [sources.image(self._places.ec2, template) for template in self._fleet().ec2.templates]
        yield from sources.judge_images(found, self._clock.now(), self._at.deploy)

    def _offers(self) -> Iterator[Finding]:
        fleet, settings = self._fleet(), self._settings()
        clients = Clients(self._places.region, endpoints=self._places.endpoints, session=self._places.session)
        zones = sorted(fleet.ec2.subnets)
        types = [kind.name for kind in CATALOGUE]
        try:
            offers = Offerings(clients, Asking(EC2), self._clock, types=types, zones=zones).all()
        finally:
            clients.close()
        arches = [template.arch for template in fleet.ec2.templates]
        yield from sources.judge_offers(specs_of(settings), offers, zones, arches)

    def _addresses(self) -> Iterator[Finding]:
        wanted, found = self._fleet().ec2.subnets.values(), self._subnets()
        yield from network.judge_subnets(wanted, found, self._settings().limits.machines, self._at.deploy)

    def _functions(self) -> Iterator[Finding]:
        words = (*_FUNCTIONS, SLACK) if self._at.has_channel() else _FUNCTIONS
        found = {
            name: parts.function(self._places.functions, name) for name in parts.names_of(self._standing().name, words)
        }
        yield from parts.judge_functions(found, self._at.deploy)

    def _mappings(self) -> Iterator[Finding]:
        names = parts.names_of(self._standing().name, _QUEUED)
        found = {name: parts.mappings(self._places.functions, name) for name in names}
        yield from parts.judge_mappings(found, self._at.deploy)

    def _rules(self) -> Iterator[Finding]:
        endings = self._standing().parameters.get("MachineEndings") == "ENABLED"
        client = self._client("events")
        found = {
            name: parts.rule(client, name, wanted=endings or not name.endswith("-machine-changed"))
            for name in parts.names_of(self._stack, (*_RULES, _STORM) if self._watched() else _RULES)
        }
        yield from parts.judge_rules(found, self._at.deploy)

    def _secrets(self) -> Iterator[Finding]:
        words = ("github", "webhook", SLACK) if self._at.has_channel() else ("github", "webhook")
        names = {word: self._at.output(f"{word.title()}Secret") for word in words}
        found = {f"{self._stack}/{word}": parts.has_secret(self._places.secrets, name) for word, name in names.items()}
        yield from parts.judge_secrets(found, self._at.deploy)

    def _letters(self) -> Iterator[Finding]:
        fleet, client = self._fleet(), self._client("sqs")
        queues = {"jobs": fleet.jobs, "events": fleet.events, "reports": fleet.reports}
        yield parts.judge_letters({name: parts.letters(client, at.dead_letter_url) for name, at in queues.items()})

    def _records(self) -> Iterator[Finding]:
        """The fleet's own records, as `--profile aws` reads them: that they can be read is a finding, too."""
        self._at.output("Table")  # without it the environment would speak of another stack's
        variables = {**self._environ, **variables_of(self._standing(), self._places.region)}
        with open_stack(variables, lambda _group, _found: None) as state:
            tasks, switch = state.tasks.all(), state.table.switches.get(PAUSED)
        pools = bool(self.config().settings.pools)
        starts = f"see that the rule {self._stack}-housekeeping is enabled, and the log of {self._stack}-schedules"
        status = "`paddock housekeeping status --profile aws`"
        yield from judge_tasks(tasks, self._clock.now(), pools=pools, starts=starts, status=status)
        yield judge_pause(switch, "`paddock resume --profile aws`")

    def _told(self) -> Iterator[Finding]:
        sns, deploy = self._client("sns"), self._at.deploy
        yield from watch.judge_subscriptions(watch.subscriptions(sns, self._at.output("Topic")), deploy)
        wanted = bool(self._standing().parameters.get("ReportEmail")) or self._at.has_channel()
        yield from watch.judge_subscriptions(
            watch.subscriptions(sns, self._at.output("ReportsTopic")), deploy, what=watch.REPORT, wanted=wanted
        )


__all__ = ["CLOCK", "CONFIG", "PAUSE", "STACK", "VERSION", "AwsSide", "Here"]
