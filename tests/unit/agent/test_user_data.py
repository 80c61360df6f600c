"""User data: small enough, the same for the same values, and nothing in it can be taken for a program."""

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.bootstrap import LARGEST, MODES, Boot, machine_archive, machine_file, render_user_data
from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, MINUTE

MACHINE = Path(__file__).parents[3] / "src/adapters/paddock/adapters/bootstrap/machine"
GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "bucket": "paddock-cache-123456789012",
    "key": "agent/0.1.0/paddock-agent.pyz",
    "sha256": "0123456789abcdef" * 4,
    "settings": {
        "table": "paddock",
        "reports_queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/reports",
    },
}


def files(document: str) -> dict[str, str]:
    """The plain files that the document writes, by path."""
    entries = yaml.safe_load(document)["write_files"]
    return {entry["path"]: entry["content"] for entry in entries if "encoding" not in entry}


def test_it_fits_with_room_for_settings() -> None:
    """EC2 takes 16 KB; a fleet's settings may need 3 of them."""
    document = render_user_data(Boot(**GOOD))
    assert document.isascii()
    assert len(document) + 3_000 < LARGEST == 16_384


def test_what_does_not_fit_is_refused() -> None:
    """EC2 would refuse it at the first launch; so it is refused where it is made."""
    with pytest.raises(InvalidInput, match="16384"):
        render_user_data(Boot(**{**GOOD, "settings": {"padding": "x" * LARGEST}}))


def test_the_same_values_give_the_same_bytes() -> None:
    """A launch template gets a new version only when something changed."""
    assert render_user_data(Boot(**GOOD)) == render_user_data(Boot(**GOOD))
    assert machine_archive() == machine_archive()


def test_everything_that_the_machine_needs_is_in_the_archive() -> None:
    """Each file of the folder, with its mode, owned by root; and none that is not there."""
    (packed,) = [
        entry for entry in yaml.safe_load(render_user_data(Boot(**GOOD)))["write_files"] if "encoding" in entry
    ]
    assert packed["encoding"] == "gz+b64"
    data = gzip.decompress(base64.b64decode(packed["content"]))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        assert {member.name: member.mode for member in members} == MODES
        assert {(member.uid, member.gid, member.mtime, member.type) for member in members} == {
            (0, 0, 0, tarfile.REGTYPE)
        }
        for name in MODES:
            unpacked = archive.extractfile(name)
            assert unpacked is not None
            assert unpacked.read() == machine_file(name)
    there = {path.name for path in MACHINE.iterdir() if path.is_file()}
    assert there - {"__init__.py"} == set(MODES)


def test_the_span_of_life_is_the_longest_job_and_an_hour() -> None:
    """In whole seconds, and in place of the unit's own, which is the default's."""
    name = "/etc/systemd/system/paddock-deadline.timer.d/lifetime.conf"
    assert files(render_user_data(Boot(**GOOD, max_runtime=90 * MINUTE + 1)))[name].splitlines() == [
        "[Timer]",
        "OnActiveSec=",
        "OnActiveSec=9001s",
    ]
    assert "OnActiveSec=25200s" in files(render_user_data(Boot(**GOOD)))[name]
    assert b"OnActiveSec=7h\n" in machine_file("paddock-deadline.timer")


def test_the_mark_that_units_wait_for_is_written_last() -> None:
    """Whoever sees it sees the settings whole."""
    entries = yaml.safe_load(render_user_data(Boot(**GOOD)))["write_files"]
    assert entries[-1]["path"] == "/etc/paddock/ready"
    assert b"PathExists=/etc/paddock/ready\n" in machine_file("paddock-bootstrap.path")


def test_a_machine_on_which_nothing_can_be_installed_goes_off() -> None:
    """The one command ends in a power-off if anything in it fails."""
    (command,) = yaml.safe_load(render_user_data(Boot(**GOOD, sudo=False)))["runcmd"]
    assert "install.sh --sudo no --start" in command
    assert command.endswith("|| systemctl poweroff || poweroff -f")


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8).filter(
            lambda name: "t" not in name
        ),
        st.text(max_size=40) | st.integers() | st.booleans() | st.none(),
        max_size=6,
    )
)
def test_settings_arrive_as_they_were_and_as_nothing_else(settings: dict[str, Any]) -> None:
    """Quotes, line ends, `$( )`, NUL, other alphabets: read back they are equal, and the command is the same."""
    document = render_user_data(Boot(**{**GOOD, "settings": settings}))
    assert json.loads(files(document)["/etc/paddock/agent.json"]) == settings
    assert yaml.safe_load(document)["runcmd"] == yaml.safe_load(render_user_data(Boot(**GOOD)))["runcmd"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("region", "eu-central-1; reboot"),
        ("region", ""),
        ("bucket", "A_Bucket"),
        ("bucket", "b\n"),
        ("key", "/leading"),
        ("key", "with space"),
        ("key", "x" * 513),
        ("sha256", "A" * 64),
        ("sha256", "0" * 63),
        ("endpoint", "http://s3.example.com"),
        ("endpoint", "https://host/path"),
        ("max_runtime", 0),
        ("max_runtime", 121 * HOUR),
        ("max_runtime", True),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_name(field: str, value: object) -> None:
    """The error names the field, what was found, and what would be right."""
    with pytest.raises(InvalidInput, match=f"(?s)^{field}"):
        Boot(**{**GOOD, field: value})


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook_secret": "x"},
        {"github": {"token": "x"}},
        {"list": [{"private_key": "x"}]},
        {"privateKey": "x"},
        {"jit_config": "x"},
    ],
)
def test_settings_with_what_looks_like_a_secret_are_refused_and_it_is_not_shown(settings: dict[str, Any]) -> None:
    """A job can read its machine's user data."""
    with pytest.raises(InvalidInput, match="no secrets") as caught:
        Boot(**{**GOOD, "settings": settings})
    assert "'x'" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused() -> None:
    """The archive cannot be talked into another file of the package."""
    with pytest.raises(InvalidInput, match="name"):
        machine_file("../user_data.py")


def test_no_program_of_the_machine_halts_it() -> None:
    """A halted instance goes on costing."""
    for name in MODES:
        lines = [line.partition("#")[0] for line in machine_file(name).decode().splitlines()]
        assert not [line for line in lines if "halt" in line.split()], name


def unit(name: str) -> dict[str, list[str]]:
    """A unit's directives, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in machine_file(name).decode().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_agents_unit_promises_what_the_machine_relies_on() -> None:
    """One life; off in every case; 90 s of grace for the job, whose processes are killed with the agent, not before."""
    agent = unit("paddock-agent.service")
    assert agent["ExecStart"] == ["/usr/bin/python3 -I /opt/paddock/agent.pyz aws --config /etc/paddock/agent.json"]
    assert (agent["Type"], agent["Restart"], agent["KillMode"]) == (["notify"], ["no"], ["mixed"])
    assert (agent["SuccessAction"], agent["FailureAction"]) == (["poweroff"], ["poweroff"])
    assert agent["ExecStopPost"][0].startswith("-")  # whatever becomes of the last words, the next line is run
    assert agent["ExecStopPost"][-1] == "/opt/paddock/libexec/power-off"
    assert int(agent["TimeoutStopSec"][0]) >= 90 + 30
    assert int(agent["WatchdogSec"][0]) >= 3 * 10  # a sign of life is promised every 10 s
    assert agent["OOMPolicy"] == ["continue"]


def test_the_agents_unit_does_not_confine_the_job() -> None:
    """The job is the agent's child: what would protect a usual service would break its sudo, its /tmp, its Docker."""
    sandbox = (
        "Protect",
        "Private",
        "NoNewPrivileges",
        "Restrict",
        "SystemCallFilter",
        "CapabilityBoundingSet",
        "ReadOnly",
    )
    assert [name for name in unit("paddock-agent.service") if name.startswith(sandbox)] == []


@pytest.mark.parametrize("name", ["paddock-bootstrap.service", "paddock-off.service", "paddock-unclaimed.service"])
def test_a_unit_that_fails_switches_the_machine_off(name: str) -> None:
    """No failure of ours leaves a machine on that nobody looks after."""
    assert unit(name)["FailureAction"][0].startswith("poweroff")
