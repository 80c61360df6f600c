"""What whole fleets called, held against the roles of those who called; and what they needed, kept for the comparison.

Every test of this folder leaves behind by which grants its calls were allowed. When all have run, `test_rights` holds
the union against all that roles grant.
"""

import hashlib
import json
import os
from pathlib import Path

import attrs

from paddock.adapters.aws.roles import BILL, ROLES, SLACK
from tests.aws.recorded import NOBODY, Call
from tests.aws.rights import Grant, judged, polled
from tests.aws.weather import EVERYBODY
from tests.aws.whole import HANDLERS, Whole

KEPT = Path(__file__).parents[2] / "build" / "rights"
"""What was needed, by test."""


def digest() -> str:
    """The roles in short: what was needed of others is not compared with them."""
    every = (*ROLES.items(), *BILL.items())
    data = [[function, *(dict(one) for one in statements)] for function, statements in every]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def calls_of(fleet: Whole) -> list[Call]:
    """What needed somebody's right; whoever is nobody has none."""
    recorded = fleet.wire.recorded
    return [*recorded.of(*EVERYBODY, SLACK, NOBODY.function), *polled(recorded.of("pump"), HANDLERS)]


def allowed(fleet: Whole) -> set[Grant]:
    """The grants that were needed; an AssertionError if anybody called what its role does not allow."""
    found = judged(calls_of(fleet), fleet.stack)
    assert not found.refused, "\n".join(found.refused)
    KEPT.mkdir(parents=True, exist_ok=True)
    name = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0].rpartition("::")[2]
    told = {"roles": digest(), "used": [attrs.astuple(grant) for grant in sorted(found.used)]}
    (KEPT / f"{name}.json").write_text(json.dumps(told, indent=1))
    return found.used


def kept() -> set[Grant]:
    """What all tests before needed of the roles as they are now."""
    told = [json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))]
    return {Grant(*grant) for one in told if one["roles"] == digest() for grant in one["used"]}
