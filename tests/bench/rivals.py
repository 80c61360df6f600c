"""What others ask of AWS and GitHub for a job, as data beside our own figures.

All of them without the receives and deletes of Lambda's pollers, logs, and the fetching of the runner's package.
"""

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Rival:
    """Calls of a job alone, and of each of ten that come at once; None: nobody has counted them."""

    name: str
    aws: float
    aws_of_ten: float | None = None
    github: float | None = None
    github_of_ten: float | None = None
    source: str


TERRAFORM: Final = "terraform-aws-github-runner"
_READ: Final = (
    "commit 4475534a (release 7.11.0), defaults but for ephemeral machines, organisation level: its functions as it "
    "ships them against a stub that counts, its machines by reading their scripts"
)

RIVALS: Final = (
    Rival(
        name=f"{TERRAFORM}, by EventBridge",
        aws=14,
        aws_of_ten=11.3,
        github=2,
        github_of_ten=1.1,
        source=f"{_READ}; the default",
    ),
    Rival(
        name=f"{TERRAFORM}, direct",
        aws=11,
        aws_of_ten=8.3,
        github=2,
        github_of_ten=1.1,
        source=f"{_READ}; without EventBridge",
    ),
    Rival(name="runs-fleet", aws=25, source="its code at commit 2bb4703, by reading; about"),
)
