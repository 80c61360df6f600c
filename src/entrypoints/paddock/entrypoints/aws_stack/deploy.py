"""Making a stack, or changing it: a proposal first, and what it would do; then that, and what belongs to it.

The order is one in which nothing refers to what is not there: bundles and paddock.yml before the proposal; the agent
before machines may be told of it, where its bucket is there, else as soon as it is; the secrets as soon as they can be
put somewhere. Each step may be repeated, so a deployment that was cut off is simply begun again.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from paddock.adapters.aws.cloudformation import ChangeSet, Standing, Step
from paddock.adapters.aws.cloudformation.values import FAILED_TO_BE_MADE, GOOD, STUCK
from paddock.adapters.aws.codes import LAMBDA
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.stack import Shape, body, rendered
from paddock.adapters.aws.stack.boot import agent_key
from paddock.adapters.bootstrap.user_data import MARGIN
from paddock.adapters.config import Config
from paddock.core.errors import Busy, InvalidInput, NotFound, Rejected
from paddock.core.ports.system import Clock, Ids, Sleeper
from paddock.core.units import SECOND
from paddock.entrypoints.aws_stack import bucket
from paddock.entrypoints.aws_stack.follow import Watch, failure
from paddock.entrypoints.aws_stack.packages import Package
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.aws_stack.secrets import GITHUB, WEBHOOK, put
from paddock.entrypoints.aws_stack.settings import StackSettings

ENVIRONMENT: Final = "paddock:environment"
FLEET: Final = "paddock:fleet"
LAUNCHERS: Final = {"DispatchFunction": "dispatch", "SchedulesFunction": "schedules"}
"""The outputs with the functions that launch machines, and how their names go on after the stack's.

A removal has them run no more.
"""

_FUNCTIONS: Final = Asking(LAMBDA)


@attrs.frozen(kw_only=True)
class Proposal:
    """What a deployment would do. ``standing`` is the stack before it, None if there is none."""

    change_set: ChangeSet
    template: Mapping[str, Any]
    standing: Standing | None


@attrs.frozen(kw_only=True)
class Deployment:
    """One environment's. ``secrets`` are the texts by the output that names where they go; none leaves them alone."""

    places: Places
    settings: StackSettings
    config: Config
    packages: Mapping[str, Package]
    clock: Clock
    sleeper: Sleeper
    ids: Ids
    secrets: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def tags(self) -> dict[str, str]:
        """What everything of the stack bears, by which its costs are told apart."""
        stack = self.settings.stack
        return {**self.settings.tags, FLEET: stack, ENVIRONMENT: self.settings.environment}

    @property
    def watch(self) -> Watch:
        """Who waits for CloudFormation."""
        return Watch(self.places.stacks, self.clock, self.sleeper)

    def propose(self) -> Proposal:
        """Upload what is needed, and have CloudFormation say what it would do. Nothing of the stack is changed.

        Raises:
            Busy: something is being done with the stack.
            Rejected: CloudFormation does not take the template, or the stack can only be removed.
        """
        standing = self.places.stacks.find(self.settings.stack)
        if standing is not None:
            check_ours(standing)
            self._check(standing)
        template = rendered(self.shape(standing), self.settings.watched)
        keys = self._uploaded(body(template), standing)
        made = self.places.stacks.propose(
            self.settings.stack,
            new=standing is None or not standing.exists,
            template_url=self._url(keys["template"]),
            parameters=self.parameters(keys),
            tags=self.tags,
            name=f"paddock-{self.ids.token()}",
        )
        found = self.watch.worked_out(made)
        proposal = Proposal(change_set=found, template=template, standing=standing)
        if found.failed:
            self.discard(proposal)
            if not found.empty:
                raise Rejected(f"CloudFormation does not take this: {found.reason}")
        return proposal

    def discard(self, proposal: Proposal) -> None:
        """Forget a proposal, and the empty stack that was made for it: not one that somebody else made of it since."""
        stacks, stack = self.places.stacks, proposal.change_set.stack
        with contextlib.suppress(NotFound):
            stacks.discard(proposal.change_set.id)
        if proposal.standing is None or not proposal.standing.exists:
            now = stacks.find(stack)
            if now is not None and not now.exists:
                stacks.delete(stack, self.ids.token())

    @contextlib.contextmanager
    def undecided(self, proposal: Proposal) -> Iterator[None]:
        """While it is shown and somebody is asked: a way out by an error or Ctrl-C leaves nothing of it behind."""
        try:
            yield
        except BaseException:
            self.discard(proposal)
            raise

    def carry_out(self, proposal: Proposal, told: Callable[[Step], object]) -> Standing:
        """Do what was proposed; the stack as it stands then.

        Args:
            proposal: one with changes.
            told: is told of each thing that happens to a resource.

        Raises:
            Rejected: it failed, and CloudFormation took it back; its notes say why and what to do.
        """
        stack = proposal.change_set.stack
        before = self.watch.last_event(stack)
        self.places.stacks.execute(proposal.change_set.id, self.ids.token())
        steps = self.watch.ended(stack, before, told)
        standing = self.places.stacks.find(stack)
        if standing is None or standing.status not in GOOD:
            raise failure(f"{self.settings.stack} was not deployed", steps)
        return standing

    def finish(self, standing: Standing) -> list[str]:
        """Put what belongs to the stack where it belongs; what was done, in words."""
        done: list[str] = []
        agent = self.packages["paddock-agent.pyz"]
        place = standing.outputs["CacheBucket"]
        if bucket.put(self.places.s3, place, agent_key(agent.sha256), agent.path.read_bytes()):
            done.append(f"the agent is in {place}")
        done += [
            f"{name} is new"
            for name, text in sorted(self.secrets.items())
            if put(self.places, standing.outputs[name], text)
        ]
        done += [f"{function} runs again" for function in map(standing.outputs.get, LAUNCHERS) if self._freed(function)]
        if standing.protected is not self.settings.protect:
            self.places.stacks.protect(standing.id, protected=self.settings.protect)
            word = "now" if self.settings.protect else "no longer"
            done.append(f"the stack is {word} protected against deletion")
        return done

    def shape(self, standing: Standing | None) -> Shape:
        """The template's shape. A stack that there is keeps its zones, whatever the region has got since."""
        settings = self.settings
        if settings.vpc:
            zones = self.places.subnets(settings.vpc, settings.subnets)
        else:
            kept = tuple(filter(None, standing.outputs.get("Zones", "").split(","))) if standing else ()
            zones = self.places.zones(settings.zones or kept)
        return attrs.evolve(settings.shape(zones), slack=self.config.slack is not None)

    def parameters(self, keys: Mapping[str, str]) -> dict[str, str]:
        """The template's parameters; what it does not get it has by default."""
        settings, fleet = self.settings, self.config.settings
        aliases = [{"match": alias.match, "runs_on": alias.runs_on} for alias in fleet.aliases]
        limited = fleet.limits.machines is not None or fleet.limits.vcpu is not None
        return {
            "DeployBucket": self.places.deploy_bucket(settings.stack),
            "WebhookBundle": keys["paddock-webhook.zip"],
            "FunctionsBundle": keys["paddock-functions.zip"],
            "ConfigKey": keys["config"],
            "ConfigSeal": self.config.seal,
            "Aliases": json.dumps(aliases),
            "Environments": json.dumps(attrs.asdict(fleet.environments)),
            "AgentSha256": self.packages["paddock-agent.pyz"].sha256,
            "MachineLifetime": str(-(-(fleet.deadlines.runtime + MARGIN) // SECOND)),
            "JobsMaySudo": "yes" if settings.sudo else "no",
            "MachineEndings": "ENABLED" if limited else "DISABLED",
            "AwsBill": "yes" if fleet.costs.bill else "no",
            "LogDays": str(settings.log_days),
            "DiagnosisDays": str(settings.diagnosis_days),
            "ArchiveDays": str(settings.archive_days),
            "Email": settings.email,
            "ReportEmail": settings.reported_to,
            "BudgetUsd": str(settings.budget_usd),
            "PermissionsBoundary": settings.permissions_boundary,
            **({} if self.config.slack is None else {"SlackBase": self.config.slack.base}),
        }

    def _uploaded(self, template: str, standing: Standing | None) -> dict[str, str]:
        """The keys of what lies in the deployment bucket now. Each names its content, so nothing is overwritten."""
        place = self.places.deploy_bucket(self.settings.stack)
        bucket.made(self.places.s3, place, self.places.region, self.tags, owner=self.places.account)
        functions = {name: one for name, one in self.packages.items() if name.endswith(".zip")}
        for one in functions.values():
            bucket.put(self.places.s3, place, one.key, one.path.read_bytes())
        texts = {
            "config": (self.config.file.read_bytes(), "paddock.yml"),
            "template": (template.encode(), "stack.json"),
        }
        keys = {name: one.key for name, one in functions.items()}
        for name, (content, file) in texts.items():
            keys[name] = f"{name}/{hashlib.sha256(content).hexdigest()}/{file}"
            bucket.put(self.places.s3, place, keys[name], content)
        if standing is not None and "CacheBucket" in standing.outputs:
            agent = self.packages["paddock-agent.pyz"]
            bucket.put(
                self.places.s3, standing.outputs["CacheBucket"], agent_key(agent.sha256), agent.path.read_bytes()
            )
        return keys

    def _check(self, standing: Standing) -> None:
        if standing.busy:
            raise Busy(f"{standing.name} is {standing.status}: wait until that has ended (`paddock stack status`)")
        if standing.status in FAILED_TO_BE_MADE:
            raise Rejected(
                f"{standing.name} is {standing.status}: it was never made whole. Remove it (`paddock stack destroy`), "
                "and deploy again"
            )
        if standing.status == STUCK:
            raise Rejected(f"{standing.name} is {STUCK}: {unstuck(standing.name, self.places.region)}")

    def _url(self, key: str) -> str:
        domain = "amazonaws.com.cn" if self.places.region.startswith("cn-") else "amazonaws.com"
        return f"https://{self.places.deploy_bucket(self.settings.stack)}.s3.{self.places.region}.{domain}/{key}"

    def _freed(self, function: str | None) -> bool:
        """Have a function run again which a removal stopped that was not gone through with; whether it was so."""
        if function is None:
            return False
        lambdas = self.places.functions
        found = _FUNCTIONS(lambdas.get_function_concurrency, FunctionName=function)
        if found.get("ReservedConcurrentExecutions") != 0:
            return False
        _FUNCTIONS(lambdas.delete_function_concurrency, FunctionName=function)
        return True


def check_ours(standing: Standing) -> None:
    """Refuse what bears a fleet's name and is none. One of the template alone has its parameters, if not the tag.

    Raises:
        Rejected: it is somebody else's.
    """
    if standing.exists and FLEET not in standing.tags and "FunctionsBundle" not in standing.parameters:
        raise Rejected(
            f"{standing.name} is no stack of Paddock's: it has neither the tag {FLEET} nor the template's parameters. "
            "Choose another name for the environment (--env)"
        )


def unstuck(stack: str, region: str) -> str:
    """What helps a stack that is `STUCK`, in words."""
    return (
        "CloudFormation could not take a change back. `paddock stack status` says what it stumbled over: mend that, "
        f"then `aws cloudformation continue-update-rollback --stack-name {stack} --region {region}`, and deploy again"
    )


def secrets_of(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets that paddock.yml names, by the outputs that say where they go. Of several for webhooks the first.

    Raises:
        InvalidInput: one cannot be read here, or the webhook of Slack is none.
    """
    github = config.github
    key = github.app.pem if github.app is not None else github.token.read if github.token is not None else None
    if key is None:
        raise InvalidInput("github", str(Path(config.file)), "must name an app or a token")
    channel = {} if config.slack is None else {"SlackSecret": config.slack.address(environ)}
    try:
        return {GITHUB: key(environ), WEBHOOK: github.webhook_secrets[0].read(environ), **channel}
    except InvalidInput as error:
        error.add_note(
            "If they are in Secrets Manager already, as `paddock github setup --env` leaves them: --no-secrets"
        )
        raise
