"""`ExplorerCosts` against answers as Cost Explorer gives them: moto's are empty."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from paddock.adapters.aws.ce.codes import CODES
from paddock.adapters.aws.ce.explorer import MOST_PAGES, ExplorerCosts
from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws_codes import COMMON
from paddock.core.errors import Rejected, Throttled, Unavailable

ASKED: dict[str, Any] = {
    "TimePeriod": {"Start": "2026-11-20", "End": "2026-11-23"},
    "Granularity": "DAILY",
    "Metrics": ["UnblendedCost"],
    "Filter": {
        "And": [
            {"Tags": {"Key": "paddock:fleet", "Values": ["prod"]}},
            {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund"]}}},
        ]
    },
}
FIRST, LAST = date(2026, 11, 20), date(2026, 11, 22)


def day(number: int, amount: str, unit: str = "USD") -> dict[str, Any]:
    """A day's result."""
    return {
        "TimePeriod": {"Start": f"2026-11-{number}", "End": f"2026-11-{number + 1}"},
        "Total": {"UnblendedCost": {"Amount": amount, "Unit": unit}},
        "Groups": [],
        "Estimated": True,
    }


class Aws:
    """Cost Explorer with answers that are given before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        self.clients = Clients("eu-west-1")
        self.stub = Stubber(self.clients.ce)
        self.stub.activate()
        self.costs = ExplorerCosts(self.clients, "prod")

    def answers(self, *days: dict[str, Any], token: str = "", more: str = "") -> None:
        """A page."""
        page = {"ResultsByTime": list(days), **({"NextPageToken": more} if more else {})}
        self.stub.add_response("get_cost_and_usage", page, {**ASKED, **({"NextPageToken": token} if token else {})})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws(monkeypatch)
    yield made
    made.clients.close()


def test_days_are_asked_for_by_the_tag_in_one_request(aws: Aws) -> None:
    """The end is excluded by AWS and included by us; amounts are exact to the micro-dollar, half of one up."""
    aws.answers(day(20, "12.3456785"), day(21, "0"), day(22, "0.0000004999"))
    assert aws.costs.of_days(FIRST, LAST) == {
        date(2026, 11, 20): 12_345_679,
        date(2026, 11, 21): 0,
        date(2026, 11, 22): 0,
    }
    aws.stub.assert_no_pending_responses()
    assert aws.clients.ce.meta.endpoint_url == "https://ce.us-east-1.amazonaws.com"


def test_pages_are_followed_but_not_for_ever(aws: Aws) -> None:
    """Each costs a cent."""
    aws.answers(day(20, "1"), more="1")
    for number in range(1, MOST_PAGES):
        aws.answers(day(20 + number, "1"), token=str(number), more=str(number + 1))
    assert len(aws.costs.of_days(FIRST, LAST)) == 3
    aws.stub.assert_no_pending_responses()


@pytest.mark.parametrize(("amount", "unit"), [("1", "EUR"), ("", "USD"), ("NaN", "USD"), ("Infinity", "USD")])
def test_what_is_no_amount_in_dollars_is_refused(aws: Aws, amount: str, unit: str) -> None:
    """It is not taken for nothing."""
    aws.answers(day(20, amount, unit))
    with pytest.raises(Rejected, match="US dollars"):
        aws.costs.of_days(FIRST, LAST)


def test_a_day_that_aws_says_nothing_of_is_missing(aws: Aws) -> None:
    """It is missing, and not nothing."""
    aws.answers({"TimePeriod": {"Start": "2026-11-20", "End": "2026-11-21"}, "Total": {}})
    assert aws.costs.of_days(FIRST, LAST) == {}


@pytest.mark.parametrize(
    ("code", "kind"), [("LimitExceededException", Throttled), ("DataUnavailableException", Unavailable)]
)
def test_a_refusal_is_one_of_our_errors(aws: Aws, code: str, kind: type[Exception]) -> None:
    """The report goes without the bill then, and says that it could not be asked."""
    aws.stub.add_client_error("get_cost_and_usage", code, http_status_code=400)
    with pytest.raises(kind):
        aws.costs.of_days(FIRST, LAST)


def test_every_code_that_cost_explorer_documents_is_named() -> None:
    """None falls to its HTTP status."""
    model = botocore.session.get_session().get_service_model("ce").operation_model("GetCostAndUsage")
    codes = {shape.name for shape in model.error_shapes}
    assert codes
    assert codes <= CODES.keys() | COMMON.keys()
