"""What a cloud that is not EC2 says of offers without capacity: EC2's words for it."""

from collections.abc import Iterable

from paddock.adapters.aws_codes import QUOTA
from paddock.core.ports.machines import Lack


def errors_of(lacks: Iterable[Lack]) -> tuple[str, ...]:
    """The lacks as ``code: text``; a quota goes before a lack of capacity, see `LaunchOutcome`."""
    return tuple(
        f"{lack.code}: no {lack.market} capacity for {lack.offer.instance_type} in {lack.offer.zone}"
        for lack in sorted(lacks, key=lambda lack: lack.code not in QUOTA)
    )
