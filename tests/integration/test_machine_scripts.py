"""The scripts that lie on a machine, run here against commands that only note that they were called."""

from pathlib import Path

import pytest

from paddock.adapters.bootstrap import MODES
from tests.agent.system_commands import SystemCommands

MACHINE = Path(__file__).parents[2] / "src/adapters/paddock/adapters/bootstrap/machine"
POWER_OFF = MACHINE / "power-off"
GUARD = MACHINE / "guard-metadata"
INSTALL = MACHINE / "install.sh"


@pytest.fixture
def system(tmp_path: Path) -> SystemCommands:
    """A system of commands."""
    return SystemCommands(tmp_path / "commands")


@pytest.mark.parametrize(
    ("refuses", "calls", "key"),
    [
        ("", ["systemctl poweroff"], False),
        ("mild", ["systemctl poweroff", "systemctl poweroff --force"], False),
        (
            "mild --force",
            ["systemctl poweroff", "systemctl poweroff --force", "systemctl poweroff --force --force"],
            True,
        ),
    ],
)
def test_the_mildest_way_off_that_is_accepted_is_taken(
    refuses: str,
    calls: list[str],
    key: bool,  # noqa: FBT001 - a table
    system: SystemCommands,
) -> None:
    """In order, then by force, at last by the kernel's own key."""
    system.tell("refuses", refuses)
    assert system.run(POWER_OFF).returncode == 0
    assert system.calls == calls
    assert (system.folder / "sysrq").exists() is key


def test_a_machine_that_is_going_off_is_left_alone(system: SystemCommands) -> None:
    """A pool's stop, or the agent's own word: nobody asks twice."""
    system.tell("off")
    assert system.run(POWER_OFF).returncode == 0
    assert system.calls == []


def test_a_machine_without_systemd_goes_off_by_the_key(system: SystemCommands) -> None:
    """Whatever a job has done to systemctl."""
    (system.folder / "systemctl").unlink()
    assert system.run(POWER_OFF).returncode == 0
    assert (system.folder / "sysrq").read_text() == "o\n"


def test_whoever_insists_sees_to_it_that_the_machine_goes(system: SystemCommands) -> None:
    """After the time that services have, by force; then the key."""
    system.tell("deaf")
    assert system.run(POWER_OFF, "--insist").returncode == 0
    assert system.calls == [
        "systemctl poweroff",
        "sleep 720",
        "systemctl poweroff --force",
        "sleep 30",
        "systemctl poweroff --force --force",
        "sleep 30",
    ]
    assert (system.folder / "sysrq").read_text() == "o\n"


@pytest.mark.parametrize("state", ["active", "activating", "deactivating"])
def test_a_machine_whose_agent_runs_stays_on(state: str, system: SystemCommands) -> None:
    """Also while it starts or ends."""
    system.tell("agent", f"{state}\n")
    assert system.run(POWER_OFF, "--unless-agent").returncode == 0
    assert system.calls == []


@pytest.mark.parametrize("state", ["inactive\n", "failed\n", ""])
def test_a_machine_whose_agent_does_not_run_goes_off(state: str, system: SystemCommands) -> None:
    """Its settings never came, or systemd does not know."""
    system.tell("agent", state)
    done = system.run(POWER_OFF, "--unless-agent")
    assert system.calls == ["systemctl poweroff"]
    assert "no agent runs on this machine" in done.stdout


def test_the_jobs_user_and_its_containers_are_kept_from_the_metadata(system: SystemCommands) -> None:
    """By nft: both of the service's addresses, for the user's own packets and for those that are passed on."""
    system.add("id", '[ "$*" = "-u runner" ] && echo 1234')
    system.add("nft", 'cat >> "$HERE/rules"')
    assert system.run(GUARD).returncode == 0
    rules = (system.folder / "rules").read_text()
    for address in ("ip daddr 169.254.169.254", "ip6 daddr fd00:ec2::254"):
        assert f"meta skuid 1234 {address} reject" in rules
        assert rules.count(address) == 2
    # Deleting a table that is not there would be an error: it is made, deleted, and made with its content.
    assert rules.index("table inet paddock\n") < rules.index("delete table inet paddock\n")


def test_without_nft_iptables_guards_and_only_once(system: SystemCommands) -> None:
    """A rule that is there already is not added again."""
    system.add("id", "echo 1234")
    system.add("iptables", 'echo "iptables $*" >> "$HERE/calls"; [ "$1" != -C ] || [ "$2" = FORWARD ]')
    assert system.run(GUARD).returncode == 0
    rule = "-m owner --uid-owner 1234 -d 169.254.169.254 -j REJECT"
    assert system.calls == [
        f"iptables -C OUTPUT {rule}",
        f"iptables -I OUTPUT {rule}",
        "iptables -C FORWARD -d 169.254.169.254 -j REJECT",
    ]


@pytest.mark.parametrize("user", ["echo 1234", "exit 1"])
def test_a_guard_that_cannot_stand_says_so(user: str, system: SystemCommands) -> None:
    """Neither program, or no such user: an error, which the unit lets pass."""
    system.add("id", user)
    assert system.run(GUARD).returncode != 0


@pytest.fixture
def bare(system: SystemCommands) -> SystemCommands:
    """A system on which nothing was installed: no user yet, a docker group."""
    system.add("id", '[ -e "$HERE/user" ] && echo 1234')
    system.add("useradd", 'touch "$HERE/user"; echo "useradd $*" >> "$HERE/calls"')
    system.add("usermod", 'echo "usermod $*" >> "$HERE/calls"')
    system.add("getent", "exit 0")
    system.add("visudo", "exit 0")
    return system


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """All that lies there: modes and contents."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }


def test_installing_puts_everything_in_place_and_again_changes_nothing(bare: SystemCommands) -> None:
    """Units, programs, directories, the user; the second time the user is there already."""
    done = bare.run(INSTALL)
    assert done.returncode == 0, done.stderr
    root = bare.folder.parent / "root"
    first = tree(root)
    for name, mode in MODES.items():
        if name != "install.sh":
            folder = "opt/paddock/libexec" if mode == 0o755 else "etc/systemd/system"
            found = root / folder / name
            assert found.read_bytes() == (MACHINE / name).read_bytes()
            assert found.stat().st_mode & 0o777 == mode
    assert (root / "etc/sudoers.d/90-paddock-runner").read_text() == "runner ALL=(ALL) NOPASSWD:ALL\n"
    assert (root / "etc/sudoers.d/90-paddock-runner").stat().st_mode & 0o777 == 0o440
    assert (root / "etc/paddock").stat().st_mode & 0o777 == 0o700
    assert (root / "var/lib/paddock").stat().st_mode & 0o777 == 0o711
    assert bare.run(INSTALL).returncode == 0
    assert tree(root) == first
    assert len([call for call in bare.calls if call.startswith("useradd")]) == 1


def test_an_image_waits_and_a_machine_starts_at_once(bare: SystemCommands) -> None:
    """Only with --start is anything started; timers first, so that they watch over the rest."""
    bare.run(INSTALL)
    assert not [call for call in bare.calls if call.startswith("systemctl start")]
    bare.run(INSTALL, "--start")
    assert [call for call in bare.calls if call.startswith("systemctl start")] == [
        "systemctl start --no-block paddock-deadline.timer paddock-unclaimed.timer",
        "systemctl start --no-block paddock-bootstrap.service",
    ]


def test_sudo_is_a_choice_that_can_be_taken_back(bare: SystemCommands) -> None:
    """Without it the rule of an earlier run is removed."""
    rule = bare.folder.parent / "root/etc/sudoers.d/90-paddock-runner"
    bare.run(INSTALL, "--sudo", "yes")
    assert rule.exists()
    bare.run(INSTALL, "--sudo", "no")
    assert not rule.exists()


def test_a_rule_that_sudo_would_not_read_is_never_put_in_place(bare: SystemCommands) -> None:
    """It would lock everybody out; the installation fails instead, and so the machine goes off."""
    bare.add("visudo", "exit 1")
    assert bare.run(INSTALL, "--start").returncode != 0
    assert list((bare.folder.parent / "root/etc/sudoers.d").iterdir()) == []
    assert not [call for call in bare.calls if "start" in call]


@pytest.mark.parametrize("words", [["--sudo"], ["--sudo", "maybe"], ["--strat"]])
def test_a_word_that_install_does_not_know_is_refused(words: list[str], bare: SystemCommands) -> None:
    """It names what it found and what it wanted, and touches nothing."""
    done = bare.run(INSTALL, *words)
    assert (done.returncode, "wanted" in done.stderr) == (2, True)
    assert not (bare.folder.parent / "root").exists()
