"""What a doctor found, as data for scripts: the contract ``doctor``."""

from collections.abc import Sequence
from typing import Final

from paddock.core.health.finding import Finding, Verdict, well
from paddock.core.units import Moment, rfc3339

VERSION: Final = 1


def findings_data(findings: Sequence[Finding], fleet: str, now: Moment) -> dict[str, object]:
    """All findings in their order, and what they come to.

    Args:
        findings: what was found.
        fleet: what people call the fleet.
        now: when it was looked at.
    """
    return {
        "kind": "doctor",
        "version": VERSION,
        "at": rfc3339(now),
        "fleet": fleet,
        "well": well(findings),
        "counts": {verdict.value: sum(1 for one in findings if one.verdict is verdict) for verdict in Verdict},
        "findings": [
            {"check": one.check, "verdict": one.verdict.value, "found": one.found, "fix": one.fix or None}
            for one in findings
        ],
    }
