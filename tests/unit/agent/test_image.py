"""The image's checks: which machine a program was built for, what must be there, who vouches for the runner."""

import json
import os
import runpy
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.bootstrap import MODES, machine_file

IMAGE = Path(__file__).parents[3] / "agent" / "image"
CHECK = runpy.run_path(str(IMAGE / "check_image.py"))
BAKE = runpy.run_path(str(IMAGE / "bake_runner.py"))
DIGEST = "0123456789abcdef" * 4
OTHER = "f" * 64
MACHINES = {"x64": 62, "arm64": 183, "arm": 40}


def elf(machine: int, *, order: str = "<", bits: int = 2) -> bytes:
    """The first bytes of a program, laid out as the manual page on ELF has it."""
    ident = b"\x7fELF" + bytes([bits, 1 if order == "<" else 2, 1, 0]) + bytes(8)
    return ident + struct.pack(f"{order}HHI", 3, machine, 1) + bytes(100)


@pytest.mark.parametrize("machine", MACHINES.values())
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2])
def test_a_header_says_which_machine_it_is_for(machine: int, order: str, bits: int) -> None:
    """In either byte order, 32 or 64 bits."""
    assert CHECK["elf_machine"](elf(machine, order=order, bits=bits)) == machine


@pytest.mark.parametrize(
    "header", [b"", b"\x7fELF", b"#!/bin/sh\necho hello there\n", b"MZ" + bytes(60), b"\x7fELF" + bytes(40)]
)
def test_what_is_no_elf_program_is_seen(header: bytes) -> None:
    """A script, a Windows program, a header that is cut off or has no byte order."""
    assert CHECK["elf_machine"](header) is None


def test_the_python_that_runs_this_is_for_this_machine() -> None:
    """One real program of this system."""
    with Path(sys.executable).open("rb") as file:
        found = CHECK["elf_machine"](file.read(20))
    assert found == {"x86_64": 62, "aarch64": 183}[os.uname().machine]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of an image for x64 in which everything is right."""
    runner = tmp_path / "opt/paddock/runner"
    system = tmp_path / "etc/systemd/system"
    libexec = tmp_path / "opt/paddock/libexec"
    for folder in (runner / "bin", system, libexec, tmp_path / "etc/paddock"):
        folder.mkdir(parents=True)
    for name in ("Runner.Listener", "Runner.Worker"):
        (runner / "bin" / name).write_bytes(elf(62))
        (runner / "bin" / name).chmod(0o755)
    note(tmp_path)
    for name, mode in MODES.items():
        path = (libexec if mode == 0o755 else system) / name
        path.write_bytes(machine_file(name))
        path.chmod(mode)
    for link in CHECK["ENABLED"]:
        (system / link).parent.mkdir(exist_ok=True)
        (system / link).symlink_to(f"/etc/systemd/system/{Path(link).name}")
    (tmp_path / "opt/paddock/agent.pyz").write_text("print('paddock-agent 0.0.1')")
    (tmp_path / "opt/paddock/baked").write_text("now")
    return tmp_path


def note(root: Path, **fields: object) -> None:
    """Write the note on the baked runner."""
    data = {"version": "2.336.0", "platform": "linux-x64", "sha256": DIGEST, "verified_at": "2026-11-22T10:00:00Z"}
    (root / "opt/paddock/runner/paddock-runner.json").write_text(json.dumps({**data, **fields}))


def faults(root: Path, arch: str = "x64") -> list[str]:
    """What the check finds; the agent is really asked for its version."""
    return list(CHECK["faults"](root, arch, CHECK["agent_version"]))


def test_an_image_in_which_everything_is_right_passes(root: Path) -> None:
    """No fault; and the program says so by its exit code."""
    assert faults(root) == []
    done = check(root, "x64")
    assert (done.returncode, done.stderr) == (0, "")


def check(root: Path, arch: str) -> subprocess.CompletedProcess[str]:
    """The check as Packer runs it."""
    command = [sys.executable, "-I", str(IMAGE / "check_image.py"), "--arch", arch, "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_image_of_the_wrong_architecture_does_not_pass(root: Path) -> None:
    """Each program that could not run there is named with what it was built for, and so is the note."""
    done = check(root, "arm64")
    assert done.returncode == 1
    assert "Runner.Listener: built for x86-64, wanted AArch64" in done.stderr
    assert "Runner.Worker: built for x86-64, wanted AArch64" in done.stderr
    assert "platform: found 'linux-x64', wanted linux-arm64" in done.stderr


def remove(place: str) -> Callable[[Path], object]:
    """Take a file away."""
    return lambda root: (root / place).unlink()


def write(place: str, text: str = "") -> Callable[[Path], object]:
    """Put a file there."""
    return lambda root: (root / place).write_text(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove("opt/paddock/runner/bin/Runner.Listener"), "Runner.Listener: No such file"),
        (write("opt/paddock/runner/bin/Runner.Listener", "#!/bin/sh\n# a script of some length\n"), "not an ELF file"),
        (lambda root: (root / "opt/paddock/runner/bin/Runner.Listener").chmod(0o644), "not executable"),
        (lambda root: note(root, version="latest"), "version: found 'latest'"),
        (lambda root: note(root, sha256=None), "sha256: found None"),
        (write("opt/paddock/runner/paddock-runner.json", "{"), "wanted a file of JSON"),
        (write("opt/paddock/runner/paddock-runner.json", "[]"), "version: found None"),
        (remove("etc/systemd/system/paddock-agent.service"), "paddock-agent.service: missing"),
        (remove("etc/systemd/system/timers.target.wants/paddock-deadline.timer"), "not enabled"),
        (remove("opt/paddock/libexec/power-off"), "power-off: missing"),
        (remove("opt/paddock/agent.pyz"), "agent.pyz: missing"),
        (write("opt/paddock/agent.pyz", "raise SystemExit('broken')"), "found 'broken'"),
        (remove("opt/paddock/baked"), "baked: missing"),
        (write("etc/paddock/ready", "yes"), "belongs to one machine"),
    ],
)
def test_each_fault_is_found_and_said(change: Callable[[Path], object], said: str, root: Path) -> None:
    """One thing is wrong: at least one line, and it names the thing."""
    change(root)
    found = faults(root)
    assert found
    assert any(said in fault for fault in found), found


def test_root_is_no_exception_to_executable(root: Path) -> None:
    """A file without any x bit is not executable for root either, as the kernel sees it."""
    path = root / "opt/paddock/libexec/power-off"
    path.chmod(0o600)
    assert [fault for fault in faults(root) if "not executable" in fault]


def test_the_check_knows_all_units_and_programs() -> None:
    """What is put on a machine is what an image is checked for; install.sh alone is not kept."""
    assert {*CHECK["UNITS"], *CHECK["PROGRAMS"]} == set(MODES) - {"install.sh"}


FILE = "actions-runner-linux-x64-2.336.0.tar.gz"


def release(*, asset: str | None = None, notes: str | None = None) -> Mapping[str, Any]:
    """A release as GitHub's API gives it: digests of the file, and of another one that must not be taken for it."""
    body = f"text <!-- BEGIN SHA linux-arm64 -->{OTHER}<!-- END SHA linux-arm64 -->"
    body += "" if notes is None else f"\n- x <!-- BEGIN SHA linux-x64 -->{notes}<!-- END SHA linux-x64 -->"
    digest = None if asset is None else f"sha256:{asset}"
    return {
        "body": body,
        "assets": [{"name": "other.zip", "digest": f"sha256:{OTHER}"}, {"name": FILE, "digest": digest}],
    }


@pytest.mark.parametrize(
    ("given", "asset", "notes"),
    [("", DIGEST, DIGEST), (DIGEST, DIGEST, None), (DIGEST, None, DIGEST), (DIGEST, DIGEST, DIGEST)],
)
def test_two_places_that_agree_are_enough(given: str, asset: str | None, notes: str | None) -> None:
    """The release's record, its notes, the caller: any two."""
    told = BAKE["published"](release(asset=asset, notes=notes), FILE, "linux-x64")
    assert BAKE["agreed"]({"given": given, **told}) == DIGEST


@pytest.mark.parametrize(
    ("given", "asset", "notes", "said"),
    [
        ("", None, None, "only 0 place"),
        ("", DIGEST, None, "only 1 place"),
        (DIGEST, None, None, "only 1 place"),
        ("", DIGEST, OTHER, "disagree"),
        (OTHER, DIGEST, DIGEST, "disagree"),
        (DIGEST, DIGEST, "none", "digest of notes: found 'none'"),
        ("../../etc", DIGEST, DIGEST, "digest of given"),
    ],
)
def test_fewer_or_differing_places_are_refused(given: str, asset: str | None, notes: str | None, said: str) -> None:
    """A runner that nobody, or only one, vouches for is never baked; neither is one they differ about."""
    told = BAKE["published"](release(asset=asset, notes=notes), FILE, "linux-x64")
    with pytest.raises(ValueError, match=said):
        BAKE["agreed"]({"given": given, **told})


def test_a_release_without_anything_says_nothing() -> None:
    """Old releases have no digests, and a draft has no body."""
    assert BAKE["published"]({"body": None, "assets": None}, FILE, "linux-x64") == {"asset": "", "notes": ""}


def test_a_package_is_fetched_only_as_the_file_it_should_be(tmp_path: Path) -> None:
    """Its bytes decide: another digest, and it is refused."""
    there = tmp_path / "there"
    there.write_bytes(b"a package")
    with pytest.raises(ValueError, match="its SHA-256 is"):
        BAKE["download"](there.as_uri(), tmp_path / FILE, DIGEST)
    shutil.rmtree(tmp_path)
