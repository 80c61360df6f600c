"""The throw-away environment: made and removed by the code that makes and removes any other."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import attrs

from paddock.adapters.aws.cloudformation import Step
from paddock.adapters.aws.codes import TAGS
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import Busy, Conflict, NotFound
from paddock.core.units import MINUTE, SECOND, Span, datetime_of
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.aws_stack import bucket
from paddock.entrypoints.aws_stack.deploy import FLEET, Deployment
from paddock.entrypoints.aws_stack.destroy import Removal
from paddock.entrypoints.aws_stack.follow import LOOK

_ec2: Final = Asking(EC2)
_tags: Final = Asking(TAGS)
_INSTANCE: Final = ":instance/"
_ENDED: Final = frozenset({"terminated", "shutting-down"})


@attrs.define(kw_only=True)
class StackEnvironment:
    """One environment, by its deployment. See `paddock.entrypoints.acceptance.ports.Environment`.

    ``lag`` is how long AWS's index of tags may go on naming what was deleted; ``busy`` how long CloudFormation may take
    to end what it is doing when the removal begins.
    """

    work: Deployment
    lag: Span = 5 * MINUTE
    busy: Span = 40 * MINUTE
    begun: bool = False

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.work.settings.stack

    def deploy(self, tell: Tell) -> str:
        """See the port."""
        places = self.work.places
        if places.stacks.find(self.stack) is not None or self._has_bucket():
            raise Conflict(
                f"there is {self.stack} already, or what is left of it: take another --env, or remove it first "
                f"(`paddock acceptance --env {self.work.settings.environment} --region {places.region} --clean`, "
                "with the same --repo and --settings)"
            )
        self.begun = True
        tell(f"{self.stack} is being made in account {places.account}, {places.region}")
        proposal = self.work.propose()
        standing = self.work.carry_out(proposal, lambda step: _told(step, tell))
        for line in self.work.finish(standing):
            tell(line)
        return standing.outputs["WebhookUrl"]

    def destroy(self, tell: Tell) -> None:
        """See the port."""
        if not self.begun:
            return
        work = self.work
        removal = Removal(places=work.places, stack=self.stack, clock=work.clock, sleeper=work.sleeper, ids=work.ids)
        try:
            standing = self._found(removal, tell)
        except NotFound:
            return
        removal.carry_out(standing, tell, lambda step: _told(step, tell))
        tell(f"{self.stack} is gone")

    def _found(self, removal: Removal, tell: Tell) -> Any:  # noqa: ANN401 - a standing or None
        """The stack, once CloudFormation has ended what it is doing."""
        until, said = self.work.clock.now() + self.busy, False
        while True:
            try:
                return removal.found()
            except Busy:
                if self.work.clock.now() >= until:
                    raise
                if not said:
                    tell("waiting until CloudFormation has ended what it is doing")
                    said = True
                self.work.sleeper.sleep(LOOK)

    def left(self) -> tuple[str, ...]:
        """See the port. What has the fleet's tag, the stack, and the deployment bucket."""
        if not self.begun:
            return ()
        until = self.work.clock.now() + self.lag
        while True:
            found = tuple(self._left())
            if not found or self.work.clock.now() >= until:
                return found
            self.work.sleeper.sleep(5 * SECOND)

    def _has_bucket(self) -> bool:
        places = self.work.places
        return bucket.there(places.s3, places.deploy_bucket(self.stack), places.account)

    def _left(self) -> Iterator[str]:
        places = self.work.places
        if places.stacks.find(self.stack) is not None:
            yield f"stack {self.stack}"
        if self._has_bucket():
            yield f"bucket {places.deploy_bucket(self.stack)}"
        client, more = places.client("resourcegroupstaggingapi"), ""
        try:
            while True:
                filters = [{"Key": FLEET, "Values": [self.stack]}]
                page = _tags(client.get_resources, TagFilters=filters, PaginationToken=more)
                for one in page["ResourceTagMappingList"]:
                    if not self._ended(one["ResourceARN"]):
                        yield str(one["ResourceARN"])
                more = page.get("PaginationToken", "")
                if not more:
                    return
        finally:
            client.close()

    def _ended(self, arn: str) -> bool:
        """True of a machine that is gone: its tags are told for an hour more."""
        if _INSTANCE not in arn:
            return False
        with contextlib.suppress(NotFound):
            found = _ec2(self.work.places.ec2.describe_instances, InstanceIds=[arn.rpartition("/")[2]])
            states = {one["State"]["Name"] for each in found["Reservations"] for one in each["Instances"]}
            return states <= _ENDED
        return True


def _told(step: Step, tell: Tell) -> None:
    reason = f": {step.reason}" if step.failed and step.reason else ""
    tell(f"{datetime_of(step.at):%H:%M:%S} {step.status} {step.name}{reason}")
