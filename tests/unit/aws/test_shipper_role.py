"""Who may take on the role by which logs are shipped, as whom, and which streams that session reaches."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.roles import MACHINE, ROLES, SHIPPER, TRUST, filled
from paddock.agent.aws.log_role import TAG
from tests.aws.iam import Asked, Context, allows, trusts
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, ROLE_ID
from tests.aws.rights import names_of

NAMES = names_of("stack", "fleet")
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/paddock/stack"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fleet-{REGION}-shipper"
MINE, OTHER = "i-0123456789abcdef0", "i-00000000000000bad"
ASSUME = ("sts:AssumeRole", "sts:TagSession")


def taken_on(
    tags: Mapping[str, str], user: str = f"{ROLE_ID}:{MINE}", principal: str = NAMES["machine_role_arn"]
) -> bool:
    """Whether somebody gets a session of the role with these tags: AWS asks for both actions if there are any."""
    context = {"aws:userid": (user,), **{f"aws:RequestTag/{key}": (value,) for key, value in tags.items()}}
    with_keys: Context = {**context, "aws:TagKeys": tuple(tags)} if tags else context
    return all(
        any(trusts(one, principal, Asked(action, ROLE, with_keys)) for one in filled(TRUST, NAMES))
        for action in (ASSUME if tags else ASSUME[:1])
    )


def writes(stream: str, tags: Mapping[str, str], action: str = "logs:PutLogEvents") -> bool:
    """Whether a session with these tags may do that to a stream of the group."""
    context: Context = {f"aws:PrincipalTag/{key}": (value,) for key, value in tags.items()}
    asked = Asked(action, f"{GROUP}:log-stream:{stream}", context)
    return any(allows(one, asked) for one in filled(ROLES[SHIPPER], NAMES))


def test_a_machine_takes_the_role_on_in_its_own_name() -> None:
    """With its id as the one tag, by which the agent calls it too."""
    assert taken_on({TAG: MINE})
    statements = filled(ROLES[MACHINE], NAMES)
    assert all(any(allows(one, Asked(action, ROLE)) for one in statements) for action in ASSUME)


@pytest.mark.parametrize(
    "tags",
    [
        {TAG: OTHER},
        {},
        {TAG: ""},
        {"other": MINE},
        {TAG: MINE, "other": "x"},
        {TAG: "*"},
        {TAG: "i-*"},
        {TAG: "?" * len(MINE)},
        {TAG: MINE[:-1]},
        {TAG: f"{ROLE_ID}:{MINE}"},
        {TAG: f"{MINE}/1"},
        {TAG: "${aws:userid}"},
    ],
    ids=str,
)
def test_in_any_other_name_it_is_refused(tags: dict[str, str]) -> None:
    """Another's id, no tag, a tag more, and whatever might pass for a pattern."""
    assert not taken_on(tags)


@given(value=st.text(max_size=25) | st.from_regex(r"[\w i:/=+.@*?${}-]{0,25}", fullmatch=True))
def test_no_text_but_the_machines_id_is_taken(value: str) -> None:
    """Whatever a hostile root writes into the tag."""
    assert taken_on({TAG: value}) is (value == MINE)


def test_nobody_else_takes_it_on() -> None:
    """A function, a person, a role of the same sessions' names, and the session itself."""
    assert not taken_on({TAG: MINE}, principal=f"arn:aws:iam::{ACCOUNT}:role/dispatch")
    assert not taken_on({TAG: MINE}, principal=f"arn:aws:iam::{ACCOUNT}:root")
    assert not taken_on({TAG: MINE}, user=f"AROAANOTHERROLE123456:{MINE}")
    assert not any("sts:AssumeRole" in one["Action"] for one in ROLES[SHIPPER])


def test_a_session_writes_into_its_machines_streams_alone() -> None:
    """One for each job. Another machine's, one whose id only begins alike, and the group itself are out of reach."""
    own = {TAG: MINE}
    assert writes(f"{MINE}/17", own)
    assert writes(f"{MINE}/17", own, "logs:CreateLogStream")
    for stream in (f"{OTHER}/17", f"{MINE}0/17", MINE, f"x{MINE}/17", "", "*"):
        assert not writes(stream, own), stream
    assert not writes(f"{MINE}/17", own, "logs:GetLogEvents")


@pytest.mark.parametrize("tags", [{}, {"other": MINE}, {TAG: "*"}, {TAG: "i-*"}], ids=["none", "other", "all", "some"])
def test_a_session_without_a_machines_id_writes_nothing(tags: dict[str, str]) -> None:
    """Should it ever come to be: no tag is no stream, and a mark in one stands for itself."""
    assert not writes(f"{MINE}/17", tags)


def test_the_machines_own_role_writes_no_log() -> None:
    """Whoever is root has it as it is: it reaches a stream by the other role alone."""
    assert not [action for one in ROLES[MACHINE] for action in one["Action"] if action.startswith("logs:")]
