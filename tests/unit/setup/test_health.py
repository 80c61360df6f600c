"""The judgements behind `paddock doctor`: what is well, worth a word, or to be mended, and the next step."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from boto3.session import Session
from botocore.stub import Stubber
from hypothesis import example, given
from hypothesis import strategies as st

from paddock.adapters.aws.ec2.settings import Template
from paddock.adapters.aws.health import account, network, parts, sources, watch
from paddock.adapters.aws.health.network import Subnet
from paddock.core.catalogue import CATALOGUE
from paddock.core.errors import AccessDenied, Unavailable
from paddock.core.health.clock import judge_clock
from paddock.core.health.finding import REPORT, Check, Finding, Once, Verdict, diagnose, fine, warning, well
from paddock.core.health.fleet import judge_tasks
from paddock.core.health.needs import judge_quota, needs
from paddock.core.health.runner_age import Release, judge_runner
from paddock.core.health.webhook import Delivered, judge_answer, judge_deliveries
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Schedule, Window
from paddock.core.settings import FleetSettings, Limits
from paddock.core.spec import Arch, Offer, Range, RunnerSpec
from paddock.core.task import Task, TaskReport
from paddock.core.units import DAY, MINUTE, SECOND

NOW = 1_795_348_800 * SECOND
DEPLOY = "`paddock stack deploy --env dev`"
BIG = RunnerSpec(cpu=Range(32, 64), spot=False)


def test_a_check_that_throws_hides_no_other() -> None:
    """What it found before is kept, the cause and the step are told; a fault of ours is called one; others go on."""
    asked: list[str] = []

    def denied() -> Iterator[Finding]:
        yield fine("second", "half of it")
        raise AccessDenied("you may not")

    def noted() -> Iterator[Finding]:
        error = Unavailable("nobody there")
        error.add_note("plug it in")
        raise error

    checks = [
        Check("first", lambda: [fine("first", "all")], ""),
        Check("second", denied, "ask for the right"),
        Check("third", noted, "something else"),
        Check("fourth", lambda: [Finding("fourth", Verdict.OK, str(int("a secret")))], "unused"),
        Check("file", lambda: [fine("file", Path("/nowhere/at/all").read_text())], "let this user read it"),
        Check("fifth", lambda: [warning("fifth", "a little", "do that")], ""),
    ]
    found = list(diagnose(checks, asked.append))
    assert asked == ["first", "second", "third", "fourth", "file", "fifth"]
    assert [(one.check, one.verdict.value, one.fix) for one in found] == [
        ("first", "ok", ""),
        ("second", "ok", ""),
        ("second", "unknown", "ask for the right"),
        ("third", "unknown", "plug it in"),
        ("fourth", "unknown", REPORT),
        ("file", "unknown", "let this user read it"),
        ("fifth", "warn", "do that"),
    ]
    assert [one.found for one in found[4:6]] == [
        "it ended by a ValueError",
        "No such file or directory: /nowhere/at/all",
    ]
    assert not well(found)
    assert well([found[0], found[-1]])


def test_what_several_checks_need_is_had_once_and_its_lack_told_once() -> None:
    """The first that needs it tells the cause, the others that they need it."""
    numbers = iter([7, 8])
    value = Once("the number", lambda: next(numbers))
    assert (value(), value()) == (7, 7)

    def lost() -> int:
        raise Unavailable("nobody there")

    none = Once("the number", lost)
    checks = [Check(name, lambda: [fine("x", str(none()))], "try again") for name in ("one", "two")]
    first, second = diagnose(checks, lambda _name: None)
    assert (first.found, first.fix) == ("nobody there", "try again")
    assert second.found == "it needs the number, which could not be had: see above"


def test_what_a_configuration_may_ask_of_a_market() -> None:
    """Limits bound jobs, pools come on top and on demand alone; without limits nothing is bound."""
    windows = (Window("day", 480, 1080, hot=3, stopped=2),)
    pools = {
        "web": Pool("web", RunnerSpec(cpu=Range(4, 8)), hot=1, schedule=Schedule(windows=windows)),
        "few": Pool("few", RunnerSpec(), hot=9, most=10),
    }
    spot, on_demand = needs(FleetSettings(limits=Limits(machines=20), specs={"big": BIG}, pools=pools))
    assert (spot.least, spot.most) == (2, 40)
    assert (on_demand.least, on_demand.most) == (5 * 4 + 10 * 2, 40 + 40)
    assert on_demand.why == "the pools when they are full"
    spot, on_demand = needs(FleetSettings(limits=Limits(machines=20, vcpu=16), specs={"big": BIG}))
    assert (spot.most, on_demand.least, on_demand.why) == (16, 32, "one machine for runner=big")
    assert needs(FleetSettings())[0].most is None


@example(32, 20, None)
@example(2, None, None)
@given(st.integers(0, 2_000), st.none() | st.integers(1, 500), st.none() | st.integers(1, 1_000))
def test_a_larger_quota_is_never_judged_worse(quota: int, machines: int | None, vcpu: int | None) -> None:
    """And one below a single machine always fails; every finding but the good one has a step with a number in it."""
    order = [Verdict.FAIL, Verdict.WARN, Verdict.OK]
    for need in needs(FleetSettings(limits=Limits(machines=machines, vcpu=vcpu), specs={"big": BIG})):
        found = [judge_quota("quota", one, need, "ask for {wanted}") for one in (quota, quota + 1)]
        assert order.index(found[0].verdict) <= order.index(found[1].verdict)
        assert (found[0].verdict is Verdict.FAIL) == (quota < need.least)
        for one in found:
            assert one.verdict is Verdict.OK or int(one.fix.rpartition(" ")[2]) >= max(need.least, need.most or 0)


def test_the_quotas_are_those_of_every_family_of_the_catalogue() -> None:
    """A family of another letter has a quota of its own, which nobody would look at."""
    assert {kind.family[0] for kind in CATALOGUE} <= account.STANDARD


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3_000), st.sampled_from([0, 202, 401, 503])), max_size=20))
def test_deliveries_fail_by_events_and_not_by_attempts(log: list[tuple[int, int, int]]) -> None:
    """An event that was taken at last did not fail, however often it was tried; what is older than a day is over."""
    deliveries = [Delivered(str(event), NOW - ago * MINUTE, status) for event, ago, status in log]
    found = judge_deliveries(deliveries, NOW, "its page")
    recent = [one for one in deliveries if one.at > NOW - DAY]
    events = {one.guid for one in recent}
    failed = events - {one.guid for one in recent if one.status == 202}
    if not failed:
        assert found.verdict is (Verdict.OK if events else Verdict.WARN)
    else:
        assert f"{len(failed)} of {len(events)} failed" in found.found
        assert found.verdict is (Verdict.FAIL if 2 * len(failed) >= len(events) else Verdict.WARN)


def test_an_endpoint_is_well_if_it_refuses_what_is_not_signed() -> None:
    """Only our own 401 is; anything else that answers is another's word."""
    verdicts = {status: judge_answer("https://x", status).verdict for status in (401, 403, 200, 202, 404, 503, None)}
    assert {status for status, verdict in verdicts.items() if verdict is Verdict.OK} == {401}
    assert "its resource policy" in judge_answer("https://x", 403, deploy="`paddock stack deploy --env dev`").fix
    assert "--env dev` mends" in judge_answer("https://x", 403, deploy="`paddock stack deploy --env dev`").fix


@pytest.mark.parametrize(
    ("off", "verdict"),
    [(0, "ok"), (29 * SECOND, "ok"), (-30 * SECOND, "warn"), (61 * SECOND, "fail"), (-DAY, "fail")],
)
def test_clocks(off: int, verdict: str) -> None:
    """Half a minute is worth a word, a minute is too much; a clock that is not told is not called wrong."""
    assert judge_clock("clock", NOW + off, NOW, "AWS").verdict == verdict
    assert judge_clock("clock", NOW, None, "AWS").verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("installed", "days", "verdict"),
    [
        ("2.340.0", 40, "ok"),
        ("2.341.0", 40, "ok"),
        ("2.339.9", 29, "warn"),
        ("2.339.9", 30, "fail"),
    ],
)
def test_a_runner_grows_old(installed: str, days: int, verdict: str) -> None:
    """By numbers and not by letters; GitHub refuses one thirty days after the first newer one, whatever came since."""
    releases = [
        Release("2.341.0", NOW - DAY),
        Release("2.340.0", NOW - days * DAY),
        Release("2.339.9", NOW - 90 * DAY),
    ]
    assert judge_runner(installed, releases[1:], NOW, "update").verdict == verdict
    if verdict != "ok":
        found = judge_runner(installed, releases, NOW, "update")
        assert found.verdict == verdict
        assert "2.340.0 is out for" in found.found
        assert found.found.count("2.341.0 is the newest") == 1
    assert "2.339.9 is out for 90 days" in judge_runner("2.99.0", releases, NOW, "update").found


def subnet(zone: str, *, free: int = 100, public: bool = True, way: str = "igw-1", dead: bool = False) -> Subnet:
    return Subnet(id=f"subnet-{zone}", zone=zone, free=free, public=public, way=way, dead=dead)


def test_ways_to_the_internet() -> None:
    """An internet gateway wants public addresses, a NAT gateway does not; none at all, or a dead one, is no way."""
    found = list(
        network.judge_routes(
            [
                subnet("a"),
                subnet("b", public=False),
                subnet("c", way="nat-1", public=False),
                subnet("d", way=""),
                subnet("e", way="nat-2", dead=True),
            ]
        )
    )
    assert [(one.verdict.value, one.found.partition(" ")[0]) for one in found] == [
        ("fail", "subnet-b"),
        ("fail", "subnet-d"),
        ("fail", "subnet-e"),
        ("ok", "a"),
    ]
    assert all(one.fix for one in found[:3])


@pytest.mark.parametrize(
    ("free", "machines", "verdicts"),
    [
        ((100, 100), 150, ["ok"]),
        ((100, 100), 201, ["warn"]),
        ((0, 100), 50, ["warn"]),
        ((0, 0), None, ["fail", "fail"]),
        ((8, 7), None, ["warn"]),
    ],
)
def test_free_addresses(free: tuple[int, int], machines: int | None, verdicts: list[str]) -> None:
    """A full subnet is worth a word as long as another has room; too few for the limit, too; one that is gone fails."""
    there = [subnet(zone, free=one) for zone, one in zip("ab", free, strict=True)]
    wanted = [one.id for one in there]
    assert [one.verdict for one in network.judge_subnets(wanted, there, machines, DEPLOY)] == verdicts
    gone, *others = network.judge_subnets([*wanted, "subnet-gone"], there, machines, DEPLOY)
    assert (gone.verdict, gone.found.split()[0], DEPLOY in gone.fix) == (Verdict.FAIL, "subnet-gone", True)
    assert [one.verdict for one in others] == verdicts


def test_images() -> None:
    """One that is gone, of another processor, not ready, or given up by its maker; the good ones are named."""
    x64 = Template(arch=Arch.X64, id="lt-0123456789abcdef0", version="1")
    good = sources.Image(template=x64, id="ami-1", state="available", arch="x86_64")
    variants = [
        good,
        attrs.evolve(good, state=""),
        attrs.evolve(good, arch="arm64"),
        attrs.evolve(good, state="pending"),
        attrs.evolve(good, deprecated=NOW),
    ]
    found = list(sources.judge_images(variants, NOW, DEPLOY))
    assert [one.verdict.value for one in found] == ["fail", "fail", "fail", "warn", "ok"]


def test_instance_types() -> None:
    """None that serves is told apart from none that is offered here, and from one that some zones lack."""
    specs = {
        "small": RunnerSpec(),
        "arm": RunnerSpec(arch=Arch.ARM64),
        "huge": RunnerSpec(cpu=Range(999)),
        "rare": RunnerSpec(families=("m9*",), arch=Arch.ARM64),
    }
    offers = [Offer("a", "m7i.large"), Offer("b", "m7i.large"), Offer("a", "m7g.large")]
    found = {one.found.partition(":")[0]: one for one in sources.judge_offers(specs, offers, ["a", "b"], list(Arch))}
    assert {name: one.verdict.value for name, one in found.items()} == {
        "arm": "warn",
        "huge": "fail",
        "rare": "fail",
        "offered in a, b": "ok",
    }
    assert "offered in b" in found["arm"].found
    (no_image,) = sources.judge_offers({"arm": specs["arm"]}, offers, ["a"], [Arch.X64])
    assert "no image for arm64" in no_image.found


def test_the_stacks_parts() -> None:
    """What is not there, cannot run, is off or empty; a rule that paddock.yml does not need may be off."""
    broken = parts.Function(name="y", state="Failed", reason="no such key")
    gone = list(parts.judge_functions({"x": None, "y": broken}, DEPLOY))
    assert [(one.verdict.value, DEPLOY in one.fix) for one in gone] == [("fail", True), ("fail", True)]
    unneeded = parts.Rule(name="r", state="DISABLED", targets=1, wanted=False)
    silent = parts.Rule(name="s", state="ENABLED", targets=0)
    rules = list(parts.judge_rules({"r": unneeded, "s": silent, "t": None}, DEPLOY))
    assert all(DEPLOY in one.fix for one in rules)
    assert [one.found for one in rules] == ["s calls nobody", "t is not there"]
    (nothing,) = parts.judge_mappings({"x": []}, DEPLOY)
    assert (nothing.verdict, nothing.found) == (Verdict.FAIL, "nothing gives x what is on its queue")
    assert DEPLOY in nothing.fix
    (empty,) = parts.judge_secrets({"a": "is empty", "b": ""}, DEPLOY)
    assert empty.found == "the secret a is empty"
    assert [parts.judge_letters({"jobs": count}).verdict for count in (0, 1, 11)] == ["ok", "warn", "fail"]


def test_alarms_and_whom_they_tell() -> None:
    """One that rings says what to do about it; one that nobody hears, and a topic that nobody confirmed, are told."""
    ringing = watch.Alarm(name="x", state="ALARM", help="look there")
    (found,) = watch.judge_alarms([ringing, watch.Alarm(name="y", state="OK")], DEPLOY)
    assert (found.verdict, found.fix) == (Verdict.FAIL, "look there")
    quiet = [
        *watch.judge_alarms([], DEPLOY),
        *watch.judge_alarms([watch.Alarm(name="y", state="OK", tells=False)], DEPLOY),
    ]
    assert [(one.verdict.value, DEPLOY in one.fix) for one in quiet] == [("warn", True), ("warn", True)]
    pending = list(watch.judge_subscriptions([("email ci@example.com", False)], DEPLOY))
    assert [(one.verdict.value, "follow the link" in one.fix) for one in pending] == [("warn", True)]
    both = list(watch.judge_subscriptions([("email a@example.com", False), ("email b@example.com", True)], DEPLOY))
    assert [one.verdict.value for one in both] == ["warn", "ok"]
    (nobody,) = watch.judge_subscriptions([], DEPLOY, what=watch.REPORT, wanted=False)
    assert (nobody.verdict, nobody.found) == (Verdict.OK, "the daily report: nobody is to be told")


def test_who_has_left_a_topic_hears_nothing() -> None:
    """SNS lists an ended subscription for some days, with a word in the place of its ARN: nobody is told by it."""
    client: Any = Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1").client("sns")
    topic = "arn:aws:sns:eu-west-1:123456789012:paddock-dev"
    listed = [
        {"Protocol": "email", "Endpoint": f"{arn}@example.com", "SubscriptionArn": arn}
        for arn in ("Deleted", "PendingConfirmation", f"{topic}:1")
    ]
    with Stubber(client) as script:
        script.add_response("list_subscriptions_by_topic", {"Subscriptions": listed}, {"TopicArn": topic})
        found = watch.subscriptions(client, topic)
    assert [confirmed for _, confirmed in found] == [False, True]


@pytest.mark.parametrize(("failed", "said"), [(1, "failed in 1 thing: away"), (2, "failed in 2 things: away")])
def test_what_a_task_failed_in_is_counted(failed: int, said: str) -> None:
    """One is one thing."""
    report = TaskReport(attempted=3, failed=failed, errors=("away",))
    task = Task("sweep", MINUTE, began_at=NOW, ended_at=NOW, first_at=NOW, achieved_at=NOW, report=report)
    (found,) = judge_tasks([task], NOW, pools=False, starts="start it", status="`status`")
    assert found.found == f"sweep {said}"
