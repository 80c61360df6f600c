"""The small decisions of the EC2 platform: when keys are renewed, how lines are cut into calls, where services are."""

import pytest
from botocore.regions import EndpointResolver
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.addresses import bucket_address, endpoint
from paddock.agent.aws.config import parse_config
from paddock.agent.aws.credentials import EARLY, PAUSE, RoleCredentials, Signer
from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.imds import moment
from paddock.agent.aws.logs import MAX_BYTES, MAX_EVENT, MAX_EVENTS, MAX_SPAN, OVERHEAD, batches
from paddock.agent.aws.service import Patience
from paddock.agent.aws.sigv4 import Credentials, Request
from tests.aws.machine import SECOND, HandClock

HOUR = 3_600 * SECOND
DOWN = AwsError(Kind.UNREACHABLE, "imds", "credentials", "Unreachable")


class Keys:
    """Gives keys that last an hour, or fails; counts."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked = 0
        self.down = False
        self.life = HOUR

    def __call__(self) -> Credentials:
        """Another set each time."""
        self.asked += 1
        if self.down:
            raise DOWN
        return Credentials(f"key-{self.asked}", "secret", "token", self.clock.now() + self.life)


def test_keys_are_renewed_five_minutes_before_they_end() -> None:
    """Until then the same ones serve, and nobody is asked."""
    clock = HandClock()
    keys = Keys(clock)
    role = RoleCredentials(keys, clock)
    assert role.get().access_key == "key-1"
    clock.time += HOUR - EARLY - 1
    assert role.get().access_key == "key-1"
    clock.time += 1
    assert role.get().access_key == "key-2"


def test_old_keys_serve_while_new_ones_cannot_be_got() -> None:
    """The metadata service is asked again every half a minute; only when the keys have ended does it hurt."""
    clock = HandClock()
    keys = Keys(clock)
    role = RoleCredentials(keys, clock)
    role.get()
    keys.down = True
    clock.time += HOUR - EARLY
    assert [role.get().access_key for _ in range(5)] == ["key-1"] * 5
    assert keys.asked == 2
    clock.time += PAUSE
    role.get()
    assert keys.asked == 3
    clock.time += EARLY
    with pytest.raises(AwsError):
        role.get()
    keys.down = False
    assert role.get().access_key == "key-5"


def test_the_same_old_keys_over_and_over_are_not_asked_for_with_every_request() -> None:
    """If the service still gives keys that end soon, it is given half a minute."""
    clock = HandClock()
    keys = Keys(clock)
    keys.life = EARLY // 2
    role = RoleCredentials(keys, clock)
    for _ in range(10):
        role.get()
    assert keys.asked == 1
    clock.time += PAUSE
    role.get()
    assert keys.asked == 2


def test_refused_keys_are_renewed_once_for_all_threads() -> None:
    """Ten requests that were refused with the same keys ask for new ones once."""
    clock = HandClock()
    keys = Keys(clock)
    role = RoleCredentials(keys, clock)
    refused = role.get()
    for _ in range(10):
        role.renew(refused)
        assert role.get().access_key == "key-2"
    assert keys.asked == 2


@pytest.mark.parametrize(
    ("date", "corrected"),
    [
        ("Mon, 21 Sep 2026 13:36:40 GMT", False),  # 10 s off
        ("Mon, 21 Sep 2026 14:26:40 GMT", True),
        ("Mon, 21 Sep 2026 12:26:40 GMT", True),
        ("yesterday", False),
        ("", False),
    ],
)
def test_awss_time_is_believed_where_it_differs(date: str, corrected: bool) -> None:  # noqa: FBT001 - a table's column
    """A clock that is an hour off is corrected by the Date of the refusal; noise is not."""
    clock = HandClock(1_789_997_790 * SECOND)  # 13:36:30
    signer = Signer(RoleCredentials(Keys(clock), clock), clock, "eu-west-1")
    request = Request(method="GET", path="/", headers={"Host": "x"})
    before = signer.sign(request, "sqs")[0]["X-Amz-Date"]
    assert signer.correct(date) is corrected
    assert (signer.sign(request, "sqs")[0]["X-Amz-Date"] != before) is corrected
    assert signer.correct(date) is False


@given(attempt=st.integers(1, 60), chance=st.floats(0, 1, exclude_max=True))
def test_pauses_have_full_jitter_below_a_growing_bound(attempt: int, chance: float) -> None:
    """Anything from nothing to the bound, which doubles and is capped."""
    slept: list[float] = []
    Patience(base=0.2, cap=5.0, chance=lambda: chance, sleep=slept.append).rest(attempt)
    assert slept == [chance * min(5.0, 0.2 * 2 ** (attempt - 1))]


TEXTS = st.text(max_size=8) | st.just("ü" * 200_000) | st.just("x" * 300_000)
LINES = st.lists(
    st.tuples(
        st.integers(0, 3 * 86_400 * SECOND), st.text(max_size=8) | st.just("ü" * 200_000) | st.just("x" * 300_000)
    ),
    max_size=12,
)


@given(lines=LINES)
def test_calls_keep_every_limit_and_lose_nothing(lines: list[tuple[int, str]]) -> None:
    """However long and however far apart: sizes, counts, spans and order are AWS's, and all the text is there."""
    calls = list(batches(lines))
    for call in calls:
        assert 1 <= len(call) <= MAX_EVENTS
        assert sum(len(text.encode()) + OVERHEAD for _, text in call) <= MAX_BYTES
        assert call[-1][0] - call[0][0] <= MAX_SPAN
        assert all(0 < len(text.encode()) <= MAX_EVENT for _, text in call)
    moments = [at for call in calls for at, _ in call]
    assert moments == sorted(moments)
    told = "".join(text for _, text in lines if text).encode("utf-8", "replace").decode()
    assert "".join(text for call in calls for _, text in call if text != " ").replace(" ", "") == told.replace(" ", "")


def test_many_short_lines_are_cut_by_their_number() -> None:
    """The limit of 10,000 events is reached before that of bytes."""
    assert [len(call) for call in batches([(0, "x")] * 25_000)] == [10_000, 10_000, 5_000]


def test_long_lines_are_cut_by_their_bytes() -> None:
    """Four events of 256 KiB with what each one costs are exactly a call."""
    assert [len(call) for call in batches([(0, "x" * MAX_EVENT)] * 9)] == [4, 4, 1]


def test_a_clock_that_was_set_back_keeps_the_order() -> None:
    """A later line never gets an earlier moment than its forerunner."""
    assert list(batches([(5_000, "a"), (3_000, "b"), (7_000, "c")])) == [[(5, "a"), (5, "b"), (7, "c")]]


REGIONS = [
    region
    for partition in get_session().get_available_partitions()
    for region in get_session().get_available_regions("dynamodb", partition)
]


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "logs", "s3", "sts"])
def test_addresses_are_awss_own(service: str) -> None:
    """In every region of every partition that botocore knows, a service is where botocore looks for it."""
    resolver = EndpointResolver(get_session().get_data("endpoints"))
    assert len(REGIONS) > 30
    for region in REGIONS:
        hosts = resolver.construct_endpoint(service, region)
        assert hosts is not None
        assert endpoint(service, region, {}) == f"https://{hosts['hostname']}"


def test_every_region_may_be_set() -> None:
    """The settings take the name of each region that there is."""
    data = {"version": 1, "table": "paddock", "reports_queue_url": "https://sqs.example/1/reports"}
    assert [parse_config({**data, "region": region}).region for region in REGIONS] == REGIONS


def test_addresses_may_be_replaced() -> None:
    """A VPC endpoint stands in the settings; a bucket then goes into the path."""
    places = {"s3": "https://s3.vpce.example"}
    assert endpoint("s3", "eu-west-1", places) == "https://s3.vpce.example"
    assert bucket_address("b", "eu-west-1", places) == ("https://s3.vpce.example", "/b/")
    assert bucket_address("b", "cn-north-1", {}) == ("https://b.s3.cn-north-1.amazonaws.com.cn", "/")
    assert bucket_address("b.c", "eu-west-1", {}) == ("https://s3.eu-west-1.amazonaws.com", "/b.c/")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("2017-09-18T08:22:00Z", 1_505_722_920_000_000),
        ("2017-09-18T08:22:00", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        (5, 0),
    ],
)
def test_moments_are_read(text: object, at: int) -> None:
    """Times as EC2 writes them; anything else is none."""
    assert moment(text) == at
