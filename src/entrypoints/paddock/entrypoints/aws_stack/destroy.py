"""Removing a stack, and everything that CloudFormation would stumble over: machines, and what lies in the buckets."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from paddock.adapters.aws.cloudformation import Standing, Step
from paddock.adapters.aws.codes import LAMBDA
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import Busy, NotFound, Rejected, Unavailable
from paddock.core.ports.system import Clock, Ids, Sleeper
from paddock.core.units import MINUTE, Span, span_text
from paddock.entrypoints.aws_stack import bucket
from paddock.entrypoints.aws_stack.deploy import FLEET, LAUNCHERS, check_ours
from paddock.entrypoints.aws_stack.follow import LOOK, Watch, failure
from paddock.entrypoints.aws_stack.places import Places

BUCKETS: Final = {"CacheBucket": "cache", "ArchiveBucket": "archive"}
"""The outputs with the buckets that CloudFormation deletes, and how their names go on after the stack's."""
_LIVE: Final = ["pending", "running", "stopping", "stopped", "shutting-down"]
_AT_ONCE: Final = 100  # machines that are ended by one request
_PATIENCE: Final[Span] = 10 * MINUTE
QUIET: Span = MINUTE
"""How long no machine may be seen. A call of dispatch that ran when it was held ends within it (its time-out)."""
_ec2: Final = Asking(EC2)
_lambda: Final = Asking(LAMBDA)


@attrs.frozen(kw_only=True)
class Removal:
    """One stack's, by its name."""

    places: Places
    stack: str
    clock: Clock
    sleeper: Sleeper
    ids: Ids

    def found(self) -> Standing | None:
        """The stack, if it may be removed; None if there is none, but a deployment bucket.

        Raises:
            NotFound: there is nothing.
            Rejected: it is protected, or somebody else's.
            Busy: something is being done with it.
        """
        standing = self.places.stacks.find(self.stack)
        if standing is None:
            if not bucket.there(self.places.s3, self.places.deploy_bucket(self.stack), self.places.account):
                raise NotFound(f"there is no stack {self.stack} in {self.places.region}, and nothing else of it")
            return None
        check_ours(standing)
        if standing.protected:
            raise Rejected(
                f"{self.stack} is protected against deletion: deploy it with `protect: false` in stack.yml first"
            )
        if standing.busy:
            raise Busy(f"{self.stack} is {standing.status}: wait until that has ended (`paddock stack status`)")
        return standing

    def machines(self) -> list[str]:
        """The ids of the fleet's machines that are not gone."""
        return [one["InstanceId"] for one in self._instances()]

    def carry_out(
        self, standing: Standing | None, said: Callable[[str], object], told: Callable[[Step], object]
    ) -> None:
        """Remove it: no more launches, then the machines, what is in the buckets, the stack, the deployment bucket.

        Args:
            standing: what `found` gave.
            said: is told in words what was done.
            told: is told of each thing that happens to a resource.

        Raises:
            Rejected: CloudFormation could not delete something; its notes say why and what to do. Repeating is safe.
            Unavailable: the machines do not end.
        """
        if standing is not None and not standing.exists:  # a proposal was cut off: it has no end that could be awaited
            self.places.stacks.delete(standing.id, self.ids.token())
        elif standing is not None:
            self._hold(standing, said)
            self._end_machines(said)
            for output, word in BUCKETS.items():
                # A stack that was never made whole has no outputs, but perhaps a bucket with something in it.
                name = standing.outputs.get(output) or self.places.bucket(self.stack, word)
                if bucket.there(self.places.s3, name, self.places.account):
                    count = bucket.emptied(self.places.s3, name)
                    said(f"{name} is empty: {_objects(count)} deleted")
            self._delete(standing, told)
        place = self.places.deploy_bucket(self.stack)
        count = bucket.removed(self.places.s3, place, self.places.account)
        said(f"{place} is gone: {_objects(count)} deleted")

    def _hold(self, standing: Standing, said: Callable[[str], object]) -> None:
        """Have neither of the functions that launch machines run any more."""
        for output, word in LAUNCHERS.items():
            function = standing.outputs.get(output) or f"{self.stack}-{word}"
            with contextlib.suppress(NotFound):  # an earlier removal has come so far, or it was never made
                _lambda(
                    self.places.functions.put_function_concurrency,
                    FunctionName=function,
                    ReservedConcurrentExecutions=0,
                )
        said("nothing more is launched")

    def _end_machines(self, said: Callable[[str], object]) -> None:
        """End whatever each look finds: a call that ran when it was held may launch machines for a while yet."""
        deadline = self.clock.now() + _PATIENCE
        calm, ended = self.clock.now() + QUIET, set[str]()
        said(f"machines are ended until none has been there for {span_text(QUIET)}")
        while True:
            live = self.machines()
            new = [machine for machine in live if machine not in ended]
            for first in range(0, len(new), _AT_ONCE):
                _ec2(self.places.ec2.terminate_instances, InstanceIds=new[first : first + _AT_ONCE])
            if new:
                ended.update(new)
                said(f"{len(new)} machines are told to end")
            now = self.clock.now()
            if live:
                calm = now + QUIET
                if now >= deadline:
                    raise Unavailable("the machines do not end: look at them in the console, then repeat this")
            elif now >= calm:
                return
            self.sleeper.sleep(LOOK)

    def _instances(self) -> Iterator[Any]:
        filters = [{"Name": f"tag:{FLEET}", "Values": [self.stack]}, {"Name": "instance-state-name", "Values": _LIVE}]
        for page in _ec2.pages(self.places.ec2.describe_instances, Filters=filters):
            for reservation in page["Reservations"]:
                yield from reservation["Instances"]

    def _delete(self, standing: Standing, told: Callable[[Step], object]) -> None:
        watch = Watch(self.places.stacks, self.clock, self.sleeper)
        before = watch.last_event(standing.id)
        self.places.stacks.delete(standing.id, self.ids.token())
        steps = watch.ended(standing.id, before, told)
        left = self.places.stacks.find(standing.id)
        if left is not None and left.status != "DELETE_COMPLETE":
            raise failure(f"{self.stack} was not removed", steps)


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"
