"""Least privilege, in both directions: what roles grant, held against what all whole fleets before needed.

Nothing missing: each test of this folder says so of its own calls (`rights.allowed`). Nothing unused: here. moto asks
nobody for a right; the verdict is `tests.aws.iam`'s, an own reading of IAM's rules.
"""

from paddock.adapters.aws.roles import MACHINE, SLACK
from tests.aws.rights import Grant, granted
from tests.end_to_end.rights import KEPT, kept

FUNCTIONS = ("webhook", "dispatch", "events", "reports", "schedules", SLACK)
QUEUED = {"dispatch": "{jobs_arn}", "events": "{events_arn}", "reports": "{reports_arn}"}

UNSEEN: dict[tuple[str, str, str], str] = {
    **{
        (function, f"logs:{action}", "{function_log_group_arn}:*"): "Lambda writes a function's log in its name"
        for function in FUNCTIONS
        for action in ("CreateLogStream", "PutLogEvents")
    },
    **{
        (function, "sqs:GetQueueAttributes", queue): "Lambda looks at a queue in the function's name before it polls"
        for function, queue in QUEUED.items()
    },
    ("schedules", "ce:GetCostAndUsage", "*"): "AWS's own bill is asked for a day that was reported days before",
    (MACHINE, "s3:GetObject", "{cache_bucket_arn}/agent/*"): "the boot script fetches the agent, before there is one",
    (
        "schedules",
        "s3:AbortMultipartUpload",
        "{cache_bucket_arn}/runners/*",
    ): "a package of several parts whose upload breaks off: the stand-in's packages are smaller than one part",
}
"""What is granted and no test can see, with the reason: (function, action, resource)."""


def named(grant: Grant) -> tuple[str, str, str]:
    """As `UNSEEN` names it."""
    return grant.function, grant.action, grant.resource


def test_every_grant_was_needed_or_has_its_reason() -> None:
    """Statement by statement, action by action, resource by resource."""
    used = kept()
    assert used, f"nothing is in {KEPT}: run `nox -s fleet`"
    left = {grant for grant in set(granted()) - used if named(grant) not in UNSEEN}
    assert not left, "\n".join(map(str, sorted(left)))


def test_every_exemption_is_needed() -> None:
    """It is granted, once, and was not seen: else it has no business here."""
    grants = [named(grant) for grant in granted()]
    assert {exempt: grants.count(exempt) for exempt in UNSEEN} == dict.fromkeys(UNSEEN, 1)
    assert not {named(grant) for grant in kept()} & set(UNSEEN)
