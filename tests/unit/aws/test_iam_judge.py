"""The tests' own IAM: what fits, what holds, and that what it does not know is an error."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.iam import Asked, allows, fits, trusts
from tests.aws.recorded import MACHINE, Caller, Recorded, Reply, Request
from tests.aws.rights import asked, user_of

STREAM = "arn:aws:logs:eu-west-1:123456789012:log-group:/paddock/x:log-stream:"
ROLE = "arn:aws:iam::123456789012:role/log"
LOGGER = {
    "Effect": "Allow",
    "Action": "logs:PutLogEvents",
    "Resource": STREAM + "${aws:PrincipalTag/machine}/*",
}


def one(conditions: Mapping[str, Mapping[str, object]], **values: tuple[str, ...]) -> bool:
    """Whether a statement with these conditions allows, the values given by keys ``k``, ``other``."""
    statement = {"Effect": "Allow", "Action": ["x:Do"], "Resource": ["*"], "Condition": conditions}
    return allows(statement, Asked("x:Do", "arn:x", values))


@pytest.mark.parametrize(
    ("pattern", "value", "found"),
    [
        ("a*", "a", True),
        ("a*c", "abbc", True),
        ("a?", "a", False),
        ("a?", "ab", True),
        ("a.c", "abc", False),
        ("q/${name}", "q/i-1", True),
        ("q/${name}", "q/i-2", False),
        ("q/${none}", "q/", False),
        ("q/${none}*", "q/i-1", False),
        ("q/${star}", "q/i-1", False),
        ("q/${star}", "q/*", True),
        ("q/${*}", "q/i-1", False),
        ("q/${*}${?}${$}", "q/*?$", True),
    ],
)
def test_patterns(pattern: str, value: str, found: bool) -> None:  # noqa: FBT001 - a row of a table
    """Wildcards, variables, variables without a value, and wildcards in a variable's value, which count for nothing."""
    assert fits(pattern, value, {"name": ("i-1",), "star": ("*",)}) is found


@given(st.text(max_size=20))
def test_a_variable_fits_its_value_and_nothing_else(value: str) -> None:
    """Whatever is in it."""
    assert fits("a${k}b", f"a{value}b", {"k": (value,)})
    assert not fits("a${k}b", f"a{value}xb", {"k": (value,)})


def test_operators() -> None:
    """One value must fit one wanted; of several all or any; a key that is absent fits nothing but "all of them"."""
    assert one({"StringEquals": {"k": ["a", "b"]}}, k=("b",))
    assert not one({"StringEquals": {"k": "a*"}}, k=("ab",))
    assert one({"StringLike": {"k": "a*"}}, k=("ab",))
    assert not one({"StringLike": {"k": "a*"}})
    assert one({"StringEquals": {"k": "${other}"}}, k=("a",), other=("a",))
    assert not one({"StringEquals": {"k": "${other}"}}, k=("a",))
    assert one({"ForAllValues:StringLike": {"k": ["a*", "b"]}}, k=("ab", "b"))
    assert not one({"ForAllValues:StringLike": {"k": ["a*", "b"]}}, k=("ab", "c"))
    assert one({"ForAllValues:StringEquals": {"k": "a"}})
    assert one({"ForAnyValue:StringEquals": {"k": "a"}}, k=("a", "c"))
    assert not one({"ForAnyValue:StringEquals": {"k": "a"}})
    assert not one({"StringEquals": {"k": "a", "other": "b"}}, k=("a",), other=("c",))


@pytest.mark.parametrize(
    "more",
    [
        {"Effect": "Deny"},
        {"NotAction": "x:Do"},
        {"Condition": {"Bool": {"k": "true"}}},
        {"Condition": {"StringEqualsIfExists": {"k": "a"}}},
        {"Condition": {"StringEquals": {"two": "a"}}},
    ],
)
def test_what_is_not_known_is_an_error(more: Mapping[str, Any]) -> None:
    """A statement that the judge cannot read is none that it lets pass, nor is one value where there are two."""
    statement = {"Effect": "Allow", "Action": "x:Do", "Resource": "*", **more}
    with pytest.raises(ValueError, match=r"not known here|several values"):
        allows(statement, Asked("x:Do", "arn:x", {"two": ("a", "b")}))


def sent(recorded: Recorded, key: str, service: str, body: str, target: str = "") -> tuple[Request, Any]:
    """A request that was signed with this key, and the call that it makes."""
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/20261220/eu-west-1/{service}/aws4_request, Signature=x"
    headers = {"authorization": authorization, **({"x-amz-target": target} if target else {})}
    request = Request("POST", "/", "", headers, body.encode())
    return request, recorded.begun(request)


def test_a_session_of_a_role_is_known_by_its_keys_its_name_and_its_tags() -> None:
    """A machine assumes a role with a tag, and may write where the tag allows, and to no other stream."""
    recorded = Recorded()
    recorded.know("ASIAMACHINE", Caller(MACHINE, "i-1"))
    form = f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=i-1&Tags.member.1.Key=machine&Tags.member.1.Value=i-1"
    request, call = sent(recorded, "ASIAMACHINE", "sts", form)
    assume, tag = asked(call)
    assert (assume.action, tag.action, assume.resource) == ("sts:AssumeRole", "sts:TagSession", ROLE)
    assert tag.context["aws:RequestTag/machine"] == ("i-1",)
    assert tag.context["aws:TagKeys"] == ("machine",)
    user = user_of(Caller(MACHINE, "i-1"))
    own = {"StringEquals": {"aws:userid": user.replace("i-1", "${aws:RequestTag/machine}")}}
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": ROLE, "Condition": own}
    assert allows(statement, assume)
    assert allows(statement, tag)
    _, other = sent(recorded, "ASIAMACHINE", "sts", form.replace("Value=i-1", "Value=i-2"))
    assert not any(allows(statement, one) for one in asked(other))
    trusted = {"Effect": "Allow", "Principal": {"AWS": "arn:m"}, "Action": "sts:TagSession", "Condition": own}
    assert trusts(trusted, "arn:m", tag)
    assert not trusts(trusted, "arn:n", tag)
    assert not trusts(trusted, "arn:m", assume)
    keys = b"<Credentials><AccessKeyId>ASIALOG</AccessKeyId></Credentials><AssumedRoleId>AROALOG:i-1</AssumedRoleId>"
    recorded.assumed(call, request, Reply(200, keys))
    for stream, found in (("i-1/job-1", True), ("i-2/job-1", False), ("i-1", False)):
        body = f'{{"logGroupName": "/paddock/x", "logStreamName": "{stream}"}}'
        _, write = sent(recorded, "ASIALOG", "logs", body, "Logs_20140328.PutLogEvents")
        assert (write.caller.function, user_of(write.caller)) == ("log", "AROALOG:i-1")
        (told,) = asked(write)
        assert told.resource == STREAM + stream
        assert allows(LOGGER, told) is found
