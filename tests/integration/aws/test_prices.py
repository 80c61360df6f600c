"""`AwsPrices` against answers as AWS gives them: moto has neither the list nor a history that anybody could use."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import translated
from paddock.adapters.aws.pricing.codes import CODES
from paddock.adapters.aws.pricing.prices import AwsPrices
from paddock.adapters.aws_codes import COMMON
from paddock.adapters.memory.system import ManualClock
from paddock.core.costs.price import PriceSource, Quote
from paddock.core.errors import Throttled, Unavailable
from paddock.core.spec import Market, Offer
from paddock.core.units import DAY, HOUR, datetime_of
from tests.strategies import NOON
from tests.unit.costs.test_prices import product

TYPES = ["m7i.large", "c7g.large"]
ZONE = "eu-west-1a"


class Aws:
    """Clients whose answers are given before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        self.clients = Clients("eu-west-1")
        self.pricing, self.ec2 = Stubber(self.clients.pricing), Stubber(self.clients.ec2)
        self.pricing.activate()
        self.ec2.activate()
        self.clock = ManualClock(NOON)
        self.prices = AwsPrices(self.clients, self.clock, types=TYPES)

    def listed(self, name: str, *products: str, token: str = "", more: str = "") -> None:
        """GetProducts answers this about the type."""
        fields = {
            "instanceType": name,
            "regionCode": "eu-west-1",
            "operatingSystem": "Linux",
            "preInstalledSw": "NA",
            "tenancy": "Shared",
            "capacitystatus": "Used",
            "marketoption": "OnDemand",
        }
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
        asked: dict[str, Any] = {"ServiceCode": "AmazonEC2", "Filters": filters, "MaxResults": 100}
        self.pricing.add_response(
            "get_products",
            {"PriceList": list(products), **({"NextToken": more} if more else {})},
            {**asked, **({"NextToken": token} if token else {})},
        )

    def history(self, *rows: tuple[str, str, int, str], token: str = "", more: str = "") -> None:
        """DescribeSpotPriceHistory answers this about the day from noon on."""
        asked: dict[str, Any] = {
            "InstanceTypes": TYPES,
            "ProductDescriptions": ["Linux/UNIX"],
            "StartTime": datetime_of(NOON),
            "EndTime": datetime_of(NOON + DAY),
        }
        found = [
            {
                "AvailabilityZone": zone,
                "InstanceType": name,
                "ProductDescription": "Linux/UNIX",
                "SpotPrice": price,
                "Timestamp": datetime_of(NOON) + timedelta(hours=hour),
            }
            for zone, name, hour, price in rows
        ]
        self.ec2.add_response(
            "describe_spot_price_history",
            {"SpotPriceHistory": found, "NextToken": more},
            {**asked, **({"NextToken": token} if token else {})},
        )

    def quote(self, name: str, market: Market, zone: str = ZONE) -> Quote | None:
        """What an hour of it costs on that day."""
        return self.prices.quote(Offer(zone, name), market, NOON, NOON + DAY)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws(monkeypatch)
    yield made
    made.clients.close()


def test_the_list_is_asked_for_once_a_day_and_type_over_all_its_pages(aws: Aws) -> None:
    """Of the region, in the one region where it is to be had."""
    aws.listed("m7i.large", product("0"), more="page 2")
    aws.listed("m7i.large", product("0.1120000000"), token="page 2")
    assert [aws.quote("m7i.large", Market.ON_DEMAND) for _ in range(3)] == [Quote(112_000, PriceSource.LIVE)] * 3
    assert aws.clients.pricing.meta.region_name == "us-east-1"
    aws.pricing.assert_no_pending_responses()
    aws.clock.advance(DAY)
    aws.listed("m7i.large", product("0.1130000000"))
    assert aws.quote("m7i.large", Market.ON_DEMAND) == Quote(113_000, PriceSource.LIVE)


@pytest.mark.parametrize(("region", "asked"), [("eu-west-1", "us-east-1"), ("cn-north-1", "cn-northwest-1")])
def test_the_list_is_asked_for_where_the_partition_has_it(region: str, asked: str) -> None:
    """In one region for all of them, and in China in one of China's own."""
    assert Clients(region).pricing.meta.region_name == asked


def test_that_there_is_no_price_is_remembered_and_an_error_is_not(aws: Aws) -> None:
    """One failing call must not make prices unknown for a day."""
    aws.pricing.add_client_error("get_products", "ThrottlingException", http_status_code=400)
    with pytest.raises(Throttled):
        aws.quote("m7i.large", Market.ON_DEMAND)
    aws.listed("m7i.large", product("0.1120000000"))
    assert aws.quote("m7i.large", Market.ON_DEMAND) == Quote(112_000, PriceSource.LIVE)
    aws.listed("c7g.large")
    assert [aws.quote("c7g.large", Market.ON_DEMAND) for _ in range(2)] == [None, None]
    aws.pricing.assert_no_pending_responses()


def test_spot_is_the_mean_of_that_day_in_that_zone(aws: Aws) -> None:
    """One walk over the history for all types and zones; a zone that is not in it has no price."""
    aws.history((ZONE, "m7i.large", -5, "0.040000"), (ZONE, "m7i.large", 12, "0.060000"), more="2")
    aws.history(("eu-west-1b", "m7i.large", -1, "0.030000"), (ZONE, "c7g.large", 3, "0"), token="2")
    assert aws.quote("m7i.large", Market.SPOT) == Quote(50_000, PriceSource.LIVE)
    assert aws.quote("m7i.large", Market.SPOT, "eu-west-1b") == Quote(30_000, PriceSource.LIVE)
    assert aws.quote("c7g.large", Market.SPOT) is None
    assert aws.quote("m7i.large", Market.SPOT, "eu-west-1c") is None
    aws.ec2.assert_no_pending_responses()


def test_a_history_that_fails_is_asked_for_again(aws: Aws) -> None:
    """And another stretch of time is another question."""
    aws.ec2.add_client_error("describe_spot_price_history", "InternalError", http_status_code=500)
    with pytest.raises(Unavailable):
        aws.quote("m7i.large", Market.SPOT)
    aws.history((ZONE, "m7i.large", -5, "0.040000"))
    assert aws.quote("m7i.large", Market.SPOT) == Quote(40_000, PriceSource.LIVE)
    aws.ec2.add_response("describe_spot_price_history", {"SpotPriceHistory": []})
    assert aws.prices.quote(Offer(ZONE, "m7i.large"), Market.SPOT, NOON + HOUR, NOON + DAY) is None


def test_every_code_that_the_pricing_api_documents_is_one_of_our_errors() -> None:
    """Those of its model are named in a table: none falls to its HTTP status."""
    model = botocore.session.get_session().get_service_model("pricing").operation_model("GetProducts")
    codes = {shape.name for shape in model.error_shapes}
    assert codes
    assert codes <= CODES.keys() | COMMON.keys()
    for code in codes:
        error = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetProducts")
        assert type(translated(error, "GetProducts", CODES)) in {*CODES.values(), *COMMON.values()}
