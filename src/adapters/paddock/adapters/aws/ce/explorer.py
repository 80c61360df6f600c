"""The port `RealCosts` by Cost Explorer: costs by day of what bears a tag. Each page of an answer costs a cent."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from paddock.adapters.aws.ce.codes import CODES
from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.request import FLEET
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import Rejected
from paddock.core.units import DOLLAR, MicroDollars

MOST_PAGES: Final = 3  # a year of days is one
_METRIC: Final = "UnblendedCost"


class ExplorerCosts:
    """Costs under the fleet's tag, without credits and refunds. One request for each call."""

    def __init__(self, clients: Clients, fleet: str) -> None:
        """Args: the value of the tag."""
        self._clients = clients
        self._fleet = fleet
        self._ask = Asking(CODES)

    def of_days(self, first: date, last: date) -> Mapping[date, MicroDollars]:
        """See `RealCosts`.

        Raises:
            Rejected: an amount is in another currency, or is none.
        """
        bought = {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund"]}}}
        asked: dict[str, Any] = {
            "TimePeriod": {"Start": first.isoformat(), "End": (last + timedelta(days=1)).isoformat()},
            "Granularity": "DAILY",
            "Metrics": [_METRIC],
            "Filter": {"And": [{"Tags": {"Key": FLEET, "Values": [self._fleet]}}, bought]},
        }
        found: dict[date, MicroDollars] = {}
        for _ in range(MOST_PAGES):
            page = self._ask(self._clients.ce.get_cost_and_usage, **asked)
            for result in page["ResultsByTime"]:
                total = result.get("Total", {}).get(_METRIC)
                if total is not None:
                    found[date.fromisoformat(result["TimePeriod"]["Start"])] = _micro(total)
            if not page.get("NextPageToken"):
                break
            asked["NextPageToken"] = page["NextPageToken"]
        return found


def _micro(total: Mapping[str, str]) -> MicroDollars:
    amount, unit = total.get("Amount", ""), total.get("Unit", "")
    try:
        exact = Decimal(amount) * DOLLAR
        if unit == "USD" and exact.is_finite():
            return int(exact.to_integral_value(ROUND_HALF_UP))
    except InvalidOperation:
        pass
    raise Rejected(f"get_cost_and_usage: {amount[:40]!r} {unit[:10]!r} is no amount in US dollars")
