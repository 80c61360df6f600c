"""What the commands of `--profile aws` must know of a stack (docs/aws.md), as variables of a shell."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudformation import Standing

_FUNCTIONS = ("webhook", "dispatch", "events", "reports", "schedules")


def variables_of(standing: "Standing", region: str) -> dict[str, str]:
    """The variables by which the other commands speak of this stack; none if it has no table yet."""
    outputs = standing.outputs
    if "Table" not in outputs:
        return {}
    return {
        "AWS_REGION": region,
        "PADDOCK_STACK": standing.name,
        "PADDOCK_TABLE": outputs["Table"],
        "PADDOCK_LOG_GROUPS": ",".join(f"/aws/lambda/{standing.name}-{word}" for word in _FUNCTIONS),
        "PADDOCK_JOBS_URL": outputs["JobsUrl"],
        "PADDOCK_JOBS_DEAD_URL": outputs["JobsDeadUrl"],
        "PADDOCK_PROFILE": "aws",
    }
