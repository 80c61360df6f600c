"""The machine's settings file: what it needs, what it may say, and what is told about a bad one."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.config import KNOWN, Config, load_config, parse_config
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.settings import Settings

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/reports"
LEAST: dict[str, Any] = {"version": 1, "table": "paddock", "reports_queue_url": QUEUE}


def refusal(**fields: object) -> str:
    """What is told about the least file with these fields changed."""
    with pytest.raises(AgentFailure) as caught:
        parse_config({**LEAST, **fields})
    assert caught.value.reason is Reason.BAD_SETTINGS
    return caught.value.detail


def test_three_fields_are_enough() -> None:
    """Everything else has a default: the agent's own, and none of the optional places."""
    config = parse_config(LEAST)
    assert config == Config(table="paddock", reports_queue_url=QUEUE, settings=config.settings)
    directory, cache = Path("/var/lib/paddock/machine"), Path("/var/lib/paddock/cache")
    assert config.settings == Settings(directory=directory, cache=cache, alone=True)


def test_every_field_is_read() -> None:
    """A file that says everything is understood as a whole; nothing that is known is called unknown."""
    data = {
        **LEAST,
        "region": "us-gov-west-1",
        "role_id": "AROAEXAMPLEEXAMPLE123",
        "log_group": "/paddock/machines",
        "log_role": "arn:aws-us-gov:iam::123456789012:role/fleets/paddock-dev-shipper",
        "cache_bucket": "paddock.cache",
        "archive_bucket": "paddock-archive",
        "endpoints": {"dynamodb": "http://127.0.0.1:5000/", "imds": "http://[fd00:ec2::254]"},
        "power_command": ["true"],
        "directory": "/m",
        "cache": "/c",
        "baked": "/opt/paddock/runner",
        "tool_cache": "/t",
        "user": "runner",
        "standby": True,
        "assignment_deadline": 7_200_000_000,
        "stop_grace": 1,
        "heartbeat": 2,
        "retry_delay": 3,
        "min_free": 4,
        "low_disk": 0,
        "low_memory": 6,
        "spot_wait": 7,
        "report_patience": 10,
        "download_deadline": 8,
        "download_window": 9,
        "image_os": "ubuntu24",
        "hooks_started": "/opt/started.sh",
        "hooks_completed": "/opt/completed.sh",
        "proxies": {"https_proxy": "http://me:hunter2@proxy:3128"},
    }
    assert set(data) == KNOWN
    config = parse_config(data)
    assert config.unknown == ()
    assert config.region == "us-gov-west-1"
    assert config.log_role == data["log_role"]
    assert config.endpoints == {"dynamodb": "http://127.0.0.1:5000", "imds": "http://[fd00:ec2::254]"}
    assert config.power_command == ("true",)
    assert config.settings == Settings(
        directory=Path("/m"),
        cache=Path("/c"),
        baked=Path("/opt/paddock/runner"),
        tool_cache=Path("/t"),
        user="runner",
        standby=True,
        assignment_deadline=7_200_000_000,
        stop_grace=1,
        heartbeat=2,
        retry_delay=3,
        min_free=4,
        low_disk=0,
        low_memory=6,
        spot_wait=7,
        report_patience=10,
        download_deadline=8,
        download_window=9,
        image_os="ubuntu24",
        hooks_started=Path("/opt/started.sh"),
        hooks_completed=Path("/opt/completed.sh"),
        proxies={"https_proxy": "http://me:hunter2@proxy:3128"},
        alone=True,
    )
    assert "hunter2" not in repr(config)


def test_the_agents_settings_are_all_within_reach() -> None:
    """No setting of the agent lacks a field in the file, but that an EC2 machine serves one job alone."""
    assert set(Settings.__dataclass_fields__) - {"alone"} <= KNOWN


def test_an_unknown_field_is_named_and_does_no_harm() -> None:
    """A stack of another version wrote it: the machine works, and its log says what was ignored."""
    config = parse_config({**LEAST, "tabel": "x", "shiny": {"new": 1}})
    assert config.unknown == ("shiny", "tabel")
    assert config.table == "paddock"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("version", 2, "version: found 2, wanted 1: this agent is older or newer than its stack"),
        ("version", True, "version: found True, wanted 1"),
        ("table", None, "table: found nothing, wanted a table's name"),
        ("table", "a b", "table: found 'a b', wanted a table's name"),
        (
            "reports_queue_url",
            "sqs.example/reports",
            "reports_queue_url: found 'sqs.example/reports', wanted a queue's URL",
        ),
        ("reports_queue_url", "https://user:pw@sqs.example/q", "wanted a queue's URL"),
        ("reports_queue_url", "https://sqs.example", "wanted a queue's URL"),
        ("region", "Ireland", "region: found 'Ireland', wanted a region such as eu-west-1"),
        ("role_id", "arn:aws:iam::1:role/x", "role_id: found 'arn:aws:iam::1:role/x', wanted a role's id"),
        ("cache_bucket", "UPPER", "cache_bucket: found 'UPPER', wanted a bucket's name"),
        ("archive_bucket", 5, "archive_bucket: found 5, wanted a bucket's name"),
        ("log_group", "a:b", "log_group: found 'a:b', wanted a log group's name"),
        ("log_role", "AROAEXAMPLEEXAMPLE123", "log_role: found 'AROAEXAMPLEEXAMPLE123', wanted a role's ARN"),
        ("log_role", "arn:aws:iam::123456789012:user/x", "log_role: found 'arn:aws:iam::123456789012:user/x', wanted"),
        ("endpoints", {"ec2": "http://x"}, "endpoints: found 'ec2', wanted an object of service"),
        ("endpoints", {"s3": "file:///x"}, "endpoints.s3: found 'file:///x', wanted scheme://host[:port]"),
        ("endpoints", {"s3": "http://x/path"}, "endpoints.s3: found 'http://x/path'"),
        ("endpoints", {"s3": "http://x:99999"}, "endpoints.s3: found 'http://x:99999'"),
        ("endpoints", [], "endpoints: found [], wanted an object"),
        ("user", "root; rm", "user: found 'root; rm', wanted the name of a user"),
        ("standby", "yes", "standby: found 'yes', wanted true or false"),
        ("assignment_deadline", 0, "assignment_deadline: found 0, wanted a whole number, at least 1"),
        ("stop_grace", 1.5, "stop_grace: found 1.5, wanted a whole number"),
        ("low_disk", -1, "low_disk: found -1, wanted a whole number, at least 0"),
        ("directory", "work", "directory: found 'work', wanted an absolute path"),
        ("baked", 7, "baked: found 7, wanted an absolute path"),
        ("power_command", "poweroff", "power_command: found 'poweroff', wanted a list of texts"),
    ],
)
def test_a_bad_field_is_named(field: str, value: object, told: str) -> None:
    """The field, what stands there, and what would be right."""
    assert told in refusal(**{field: value})


def test_a_file_is_read(tmp_path: Path) -> None:
    """The usual case: JSON in a file."""
    file = tmp_path / "agent.json"
    file.write_text('{"version": 1, "table": "paddock", "reports_queue_url": "' + QUEUE + '"}')
    assert load_config(file).table == "paddock"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[" * 60_000, b" " * 65_536 + b"{}", b"[]", b"null"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Not there, not JSON, too long, no object: always the one error, and it says which file or what is wanted."""
    file = tmp_path / "agent.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AgentFailure, match=r"agent\.json|settings: found") as caught:
        load_config(file)
    assert caught.value.reason is Reason.BAD_SETTINGS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(fields=st.dictionaries(st.sampled_from(sorted(KNOWN)), VALUES | st.text(max_size=5).map("http://".__add__)))
def test_any_data_is_settings_or_a_named_error(fields: dict[str, object]) -> None:
    """Nothing but the one error comes out of bad data, and it begins with a field that is known."""
    told = ""
    try:
        parse_config({**LEAST, **fields})
    except AgentFailure as failure:
        told = failure.detail
    assert not told or re.match(rf"({'|'.join(KNOWN)})(\.\w+)?: found .*, wanted ", told, re.DOTALL)
