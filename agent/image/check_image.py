#!/usr/bin/env python3
"""Check an image before it is registered: is everything there, for this architecture, and nothing that must not be.

One image with a program of the wrong architecture boots, ends cleanly, and stalls a fleet; so this looks at the files
themselves. Each fault is a line on standard error; ends with 1 if there is one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ARCHITECTURES = {"x64": (62, "x86-64"), "arm64": (183, "AArch64")}  # e_machine of an ELF file; elf(5)
NAMES = {62: "x86-64", 183: "AArch64", 40: "ARM", 3: "i386"}
UNITS = (
    "paddock-agent.service",
    "paddock-bootstrap.path",
    "paddock-bootstrap.service",
    "paddock-deadline.timer",
    "paddock-off.service",
    "paddock-unclaimed.service",
    "paddock-unclaimed.timer",
)
ENABLED = (
    "multi-user.target.wants/paddock-bootstrap.path",
    "timers.target.wants/paddock-deadline.timer",
    "timers.target.wants/paddock-unclaimed.timer",
)
PROGRAMS = ("bootstrap.py", "guard-metadata", "power-off")
BELONGS_TO_ONE_MACHINE = ("ready", "boot.json", "agent.json")


def main() -> int:
    """0 if the image may be used."""
    parser = argparse.ArgumentParser(description="check an image for Paddock's machines")
    parser.add_argument("--arch", required=True, choices=list(ARCHITECTURES))
    parser.add_argument("--root", type=Path, default=Path("/"))
    options = parser.parse_args()
    found = list(faults(options.root, options.arch, agent_version))
    for fault in found:
        sys.stderr.write(f"check_image: {fault}\n")
    sys.stdout.write("check_image: nothing is wrong\n" if not found else f"check_image: {len(found)} faults\n")
    return 1 if found else 0


def faults(root: Path, arch: str, version: Callable[[Path], str]) -> Iterator[str]:
    """What is wrong with the image, in words."""
    runner = root / "opt/paddock/runner"
    yield from program_faults(runner / "bin/Runner.Listener", arch)
    yield from program_faults(runner / "bin/Runner.Worker", arch)
    yield from note_faults(runner / "paddock-runner.json", arch)
    system = root / "etc/systemd/system"
    yield from (f"{system / unit}: missing" for unit in UNITS if not (system / unit).is_file())
    # The links are absolute: what they point at is seen above.
    yield from (f"{system / link}: not enabled" for link in ENABLED if not (system / link).is_symlink())
    for name in PROGRAMS:
        path = root / "opt/paddock/libexec" / name
        if not (path.is_file() and os.access(path, os.X_OK)):
            yield f"{path}: missing, or not executable"
    agent = root / "opt/paddock/agent.pyz"
    if not agent.is_file():
        yield f"{agent}: missing"
    elif not re.fullmatch(r"paddock-agent \S+", said := version(agent)):
        yield f"{agent} --version: found {said!r}, wanted paddock-agent and a version"
    if not (root / "opt/paddock/baked").is_file():
        yield f"{root / 'opt/paddock/baked'}: missing, so user data would install everything again"
    for name in BELONGS_TO_ONE_MACHINE:
        if (root / "etc/paddock" / name).exists():
            yield f"{root / 'etc/paddock' / name}: belongs to one machine, and this is an image"


def program_faults(path: Path, arch: str) -> Iterator[str]:
    """What is wrong with one native program."""
    wanted, name = ARCHITECTURES[arch]
    try:
        with path.open("rb") as file:
            machine = elf_machine(file.read(20))
    except OSError as error:
        yield f"{path}: {error.strerror}"
        return
    if machine is None:
        yield f"{path}: not an ELF file"
    elif machine != wanted:
        yield f"{path}: built for {NAMES.get(machine, f'machine {machine}')}, wanted {name}"
    if not os.access(path, os.X_OK):
        yield f"{path}: not executable"


def elf_machine(header: bytes) -> int | None:
    """For which machine an ELF file was built (``e_machine``, in its first 20 bytes); None if it is none."""
    if len(header) < 20 or header[:4] != b"\x7fELF" or header[5] not in (1, 2):  # noqa: PLR2004 - elf(5)
        return None
    return int.from_bytes(header[18:20], "little" if header[5] == 1 else "big")


def note_faults(path: Path, arch: str) -> Iterator[str]:
    """What is wrong with the note on the baked runner."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield f"{path}: {type(error).__name__}, wanted a file of JSON"
        return
    shapes = {
        "version": r"\d+\.\d+\.\d+",
        "platform": f"linux-{arch}",
        "sha256": r"[0-9a-f]{64}",
        "verified_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    }
    for name, shape in shapes.items():
        value = data.get(name) if isinstance(data, dict) else None
        if not isinstance(value, str) or not re.fullmatch(shape, value):
            yield f"{path}: {name}: found {value!r}, wanted {shape}"


def agent_version(agent: Path) -> str:
    """What the agent says of itself."""
    try:
        done = subprocess.run(  # noqa: S603 - the image's own agent
            [sys.executable, "-I", str(agent), "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()[-200:]


if __name__ == "__main__":
    sys.exit(main())
