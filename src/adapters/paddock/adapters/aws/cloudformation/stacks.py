"""Stacks by CloudFormation's API. Nothing waits in here, and no waiter is used: whoever asks, asks again."""

from collections.abc import Mapping
from typing import Any, Final

from paddock.adapters.aws.cloudformation.codes import CODES
from paddock.adapters.aws.cloudformation.values import Change, ChangeSet, Standing, Step
from paddock.adapters.aws.errors import NOBODY_THERE, Asking, code_of
from paddock.core.errors import Rejected
from paddock.core.units import moment_of

CAPABILITIES: Final = ("CAPABILITY_NAMED_IAM",)


class Stacks:
    """All methods may raise `AccessDenied`, `Throttled`, `Unavailable` and `Rejected` besides what they name."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - its types are no dependency
        """Args: boto3's client of CloudFormation."""
        self._client = client
        self._ask = Asking(CODES, unreached=NOBODY_THERE)

    def find(self, stack: str) -> Standing | None:
        """The stack of this name or id, None if there is none. By its id a deleted one is found, too, for 90 days."""
        try:
            answer = self._ask(self._client.describe_stacks, StackName=stack)
        except Rejected as error:
            if error.__cause__ is not None and code_of(error.__cause__) == "ValidationError":  # type: ignore[arg-type]
                return None
            raise
        (found,) = answer["Stacks"]
        return _standing(found)

    def propose(
        self,
        stack: str,
        *,
        new: bool,
        template_url: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        name: str,
    ) -> str:
        """Ask for a change set called `name`, whose id comes back. A `new` stack is made, empty, if there is none."""
        answer = self._ask(
            self._client.create_change_set,
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateURL=template_url,
            Capabilities=list(CAPABILITIES),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
        )
        made: str = answer["Id"]
        return made

    def change_set(self, change_set: str) -> ChangeSet:
        """A proposal as it stands, with all of its changes.

        Raises:
            NotFound: there is none of that id.
        """
        pages = list(self._ask.pages(self._client.describe_change_set, ChangeSetName=change_set))
        first = pages[0]
        changes = [
            _change(one["ResourceChange"])
            for page in pages
            for one in page.get("Changes", [])
            if "ResourceChange" in one
        ]
        return ChangeSet(
            id=first["ChangeSetId"],
            stack=first["StackId"],
            status=first["Status"],
            reason=first.get("StatusReason", ""),
            changes=tuple(changes),
        )

    def discard(self, change_set: str) -> None:
        """Forget a proposal."""
        self._ask(self._client.delete_change_set, ChangeSetName=change_set)

    def execute(self, change_set: str, token: str) -> None:
        """Carry a proposal out; with the same token twice is once.

        Raises:
            Busy: it is not worked out yet, or carried out already.
            NotFound: there is none of that id.
        """
        self._ask(self._client.execute_change_set, ChangeSetName=change_set, ClientRequestToken=token)

    def resources(self, stack: str) -> set[str]:
        """The names, within its template, of what a stack consists of and is not deleted yet."""
        pages = self._ask.pages(self._client.list_stack_resources, StackName=stack)
        return {
            one["LogicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def steps(self, stack: str, after: str = "") -> list[Step]:
        """What happened to a stack, oldest first: all of it, or what came after the event of that id."""
        found: list[Step] = []
        for page in self._ask.pages(self._client.describe_stack_events, StackName=stack):
            for event in page["StackEvents"]:  # newest first
                if event["EventId"] == after:
                    return found[::-1]
                found.append(_step(event))
        return found[::-1]

    def protect(self, stack: str, *, protected: bool) -> None:
        """Have CloudFormation refuse to delete the stack, or no longer."""
        self._ask(self._client.update_termination_protection, StackName=stack, EnableTerminationProtection=protected)

    def delete(self, stack: str, token: str) -> None:
        """Begin to delete a stack; one that is not there is deleted already."""
        self._ask(self._client.delete_stack, StackName=stack, ClientRequestToken=token)


def _standing(found: Mapping[str, Any]) -> Standing:
    return Standing(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        protected=found.get("EnableTerminationProtection", False),
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        tags={one["Key"]: one["Value"] for one in found.get("Tags", [])},
    )


def _change(found: Mapping[str, Any]) -> Change:
    properties = {
        detail["Target"].get("Name") or detail["Target"]["Attribute"]
        for detail in found.get("Details", [])
        if detail.get("Target")
    }
    return Change(
        action=found["Action"],
        name=found["LogicalResourceId"],
        kind=found["ResourceType"],
        id=found.get("PhysicalResourceId", ""),
        replaced=found.get("Replacement", "False"),
        because=tuple(sorted(properties)),
    )


def _step(event: Mapping[str, Any]) -> Step:
    return Step(
        event=event["EventId"],
        at=moment_of(event["Timestamp"]),
        name=event.get("LogicalResourceId", ""),
        kind=event.get("ResourceType", ""),
        id=event.get("PhysicalResourceId", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
    )
