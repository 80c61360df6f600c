"""What brings the agent to a machine, held to the programs that will read it there.

``nox -s bootstrap`` brings those here: systemd's checker and cloud-init's schema from Debian's packages, ShellCheck,
and a parser of HCL.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from paddock.adapters.bootstrap import MODES, Boot, machine_file, render_user_data

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "src/adapters/paddock/adapters/bootstrap/machine"
IMAGE = ROOT / "agent" / "image"
UNITS = sorted(name for name in MODES if name.endswith((".service", ".timer", ".path")))
TEMPLATE = IMAGE / "paddock.pkr.hcl"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The root of a system with our units, programs that can be executed, and systemd's own units."""
    for folder in ("etc/systemd/system", "opt/paddock/libexec", "usr/bin", "usr/lib"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "bin").symlink_to("usr/bin")
    programs = [f"opt/paddock/libexec/{name}" for name in ("power-off", "guard-metadata")]
    for program in (*programs, "usr/bin/python3", "usr/bin/timeout", "usr/bin/systemctl"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    for unit in UNITS:
        (tmp_path / "etc/systemd/system" / unit).write_bytes(machine_file(unit))
    return tmp_path


def verify(system: Path, *units: str) -> subprocess.CompletedProcess[str]:
    """What systemd says of the units."""
    command = ["systemd-analyze", "verify", "--man=no", f"--root={system}", *units]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: str, system: Path) -> None:
    """Neither an error nor a word: an unknown directive would only be a warning, and would do nothing."""
    found = verify(system, unit)
    ours = [line for line in found.stderr.splitlines() if "paddock" in line]
    assert (found.returncode, ours) == (0, [])


@pytest.mark.parametrize("fault", ["Restrat=no", "WatchdogSec=soon", "ExecStopPost=/opt/paddock/libexec/missing"])
def test_systemd_would_find_a_fault(fault: str, system: Path) -> None:
    """The check above can fail: a misspelt directive, a bad value, a program that is not there."""
    unit = system / "etc/systemd/system/paddock-agent.service"
    unit.write_text(unit.read_text().replace("Type=notify\n", f"Type=notify\n{fault}\n"))
    found = verify(system, "paddock-agent.service")
    assert found.returncode != 0 or "paddock-agent.service" in found.stderr


@pytest.mark.parametrize(
    "script", [*sorted(MACHINE.glob("*.sh")), *sorted(IMAGE.glob("*.sh"))], ids=lambda path: path.name
)
def test_shellcheck_finds_nothing_wrong_with_a_script(script: Path) -> None:
    """At the strictest level but for matters of taste."""
    assert shellcheck(script) == ""


@pytest.mark.parametrize("name", ["power-off", "guard-metadata"])
def test_shellcheck_finds_nothing_wrong_with_a_program(name: str) -> None:
    """Those without a suffix, too."""
    assert shellcheck(MACHINE / name) == ""


def test_no_script_is_overlooked() -> None:
    """Every file with the shell's first line is checked above."""
    shells = {
        path.name
        for folder in (MACHINE, IMAGE)
        for path in folder.iterdir()
        if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")
    }
    assert shells == {"install.sh", "power-off", "guard-metadata", "provision.sh", "seal.sh"}


def test_shellcheck_would_find_a_fault(tmp_path: Path) -> None:
    """The check above can fail."""
    script = tmp_path / "bad.sh"
    script.write_text("#!/bin/sh\nrm -rf $1/$undefined\n")
    assert "SC2086" in shellcheck(script)


def shellcheck(script: Path) -> str:
    """What ShellCheck has to say."""
    checker = Path(sys.executable).with_name("shellcheck")
    command = [str(checker), "--shell=sh", "--severity=style", "--format=gcc", str(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def cloud_config(document: str) -> dict[str, Any]:
    """The document as cloud-init reads it, after it passed cloud-init's schema."""
    schema = json.loads(Path(os.environ["PADDOCK_CLOUD_INIT_SCHEMA"]).read_text(encoding="utf-8"))
    data: dict[str, Any] = yaml.safe_load(document)
    validator = jsonschema.Draft4Validator(schema)
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
    assert errors == []
    return data


def test_user_data_passes_the_schema_of_cloud_init() -> None:
    """With its first line, which makes cloud-init read the rest."""
    settings = {"table": "paddock", "log_group": "/paddock", "name": "quoted ' \" ` $(x) ${y} %s \\ \n ü"}
    document = render_user_data(
        Boot(region="eu-central-1", bucket="cache", key="agent/paddock-agent.pyz", sha256="0" * 64, settings=settings)
    )
    assert document.startswith("#cloud-config\n")
    assert set(cloud_config(document)) == {"write_files", "runcmd"}


def test_the_schema_of_cloud_init_would_find_a_fault() -> None:
    """The check above can fail: an unknown encoding, a key of write_files that does not exist."""
    for entry in ({"path": "/x", "encoding": "gz+b65"}, {"path": "/x", "mode": "0644"}):
        with pytest.raises(AssertionError, match="write_files"):
            cloud_config(yaml.safe_dump({"write_files": [entry]}))


def parsed(text: str) -> dict[str, Any]:
    """The template's blocks. The parser is installed by this session alone, so type checkers do not know it."""
    blocks: dict[str, Any] = importlib.import_module("hcl2").loads(text)
    return blocks


def test_the_image_template_is_hcl_and_names_files_that_exist() -> None:
    """It can be parsed, and what it copies and runs lies where it says."""
    template = parsed(TEMPLATE.read_text(encoding="utf-8"))
    (build,) = template["build"]
    steps = [step for entry in build["provisioner"] for step in entry.items()]
    named = [value for _, step in steps for key in ("script", "sources") for value in listed(step.get(key))]
    assert len(named) == 4
    for value in named:
        assert (IMAGE / value.strip('"').removeprefix("${path.root}/")).is_file(), value
    text = TEMPLATE.read_text(encoding="utf-8")
    assert f"${{path.root}}/{os.path.relpath(MACHINE, IMAGE)}" in text


def test_the_image_is_only_made_once_it_passed_its_check() -> None:
    """The check runs after everything was put there, and before the machine is sealed; its machines want a token."""
    text = TEMPLATE.read_text(encoding="utf-8")
    order = [text.index(word) for word in ("provision.sh", "check_image.py --arch", "seal.sh")]
    assert order == sorted(order)
    (source,) = parsed(text)["source"]
    machine = next(iter(next(iter(source.values())).values()))
    assert machine["metadata_options"][0]["http_tokens"].strip('"') == "required"
    assert machine["shutdown_behavior"].strip('"') == "terminate"


def listed(value: str | list[str] | None) -> list[str]:
    """The value or values of an attribute."""
    return value if isinstance(value, list) else [] if value is None else [value]
