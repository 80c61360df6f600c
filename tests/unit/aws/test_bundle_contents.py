"""What a bundle brings besides modules, and what it refuses to bring."""

import sys
from pathlib import Path

import pytest

from deploy.bundle import __main__ as command
from deploy.bundle import compiled
from deploy.bundle.build import build
from deploy.bundle.contents import Bundle
from deploy.bundle.imports import Missing

BUNDLE = Bundle("made-up", ("paddock.start",), frozenset({"certifi", "wheel"}))
PYTHON = sys.implementation.cache_tag


def elf(machine: int) -> bytes:
    """The head of a shared object for Linux."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little")


def installed(site: Path, package: str, *files: str, texts: tuple[str, ...] = ("licenses/LICENSE",)) -> None:
    """A package as installers leave it: with a list of what is whose."""
    home = f"{package}-1.0.dist-info"
    for name in (f"{package}/__init__.py", *files, *(f"{home}/{text}" for text in texts), f"{home}/METADATA"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("", encoding="utf-8")
    every = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file() and package in str(path)]
    (site / home / "RECORD").write_text("".join(f"{name},,\n" for name in every), encoding="utf-8")


def built(folder: Path, source: str) -> set[str]:
    """The names in a bundle of one handler."""
    start = folder / "box/paddock/start.py"
    start.parent.mkdir(parents=True)
    start.write_text(source, encoding="utf-8")
    return set(build(BUNDLE, folder / "site", [folder / "box"], "aarch64"))


def test_a_package_brings_all_its_licences(tmp_path: Path) -> None:
    """Where they lie now, and where they lay once; ours, too; nothing of a package that is not in it."""
    texts = ("licenses/LICENSE", "licenses/deep/COPYING", "NOTICE", "LICENSE.txt")
    installed(tmp_path / "site", "wheel", texts=texts)
    installed(tmp_path / "site", "cyclopts")
    names = {name for name in built(tmp_path, "import wheel") if name.startswith("licenses/")}
    ours, theirs = "licenses/paddock/LICENSE", "licenses/wheel-1.0"
    assert names == {ours, *(f"{theirs}/{name}" for name in ("LICENSE", "deep/COPYING", "NOTICE", "LICENSE.txt"))}


def test_a_package_without_a_licence_fails(tmp_path: Path) -> None:
    """It is named."""
    installed(tmp_path / "site", "wheel", texts=())
    with pytest.raises(Missing, match=r"wheel-1\.0\.dist-info has no licence"):
        built(tmp_path, "import wheel")


def test_a_package_that_nobody_installed_fails(tmp_path: Path) -> None:
    """Somebody has put it there, and nothing says what it is."""
    (tmp_path / "site/wheel").mkdir(parents=True)
    (tmp_path / "site/wheel/__init__.py").touch()
    with pytest.raises(Missing, match="wheel belongs to no distribution"):
        built(tmp_path, "import wheel")


def test_files_that_are_read_must_be_there(tmp_path: Path) -> None:
    """A release that keeps its certificates elsewhere fails the build, and not the first call."""
    installed(tmp_path / "site", "certifi")
    with pytest.raises(Missing, match=r"certifi has no file cacert\.pem"):
        built(tmp_path, "import certifi")


def test_a_module_of_ours_that_reads_files_must_be_named(tmp_path: Path) -> None:
    """Its files would be left out."""
    with pytest.raises(Missing, match=r"paddock\.start reads files"):
        built(tmp_path, "from importlib.resources import files")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x86.abi3.so", elf(62), "not compiled for aarch64"),
        ("mac.abi3.so", b"\xcf\xfa\xed\xfe" + bytes(16), "not compiled for aarch64"),
        ("cut.abi3.so", b"\x7fELF", "not compiled for aarch64"),
        ("old.cpython-38-aarch64-linux-gnu.so", elf(183), "compiled for cpython-38, the bytecode for"),
    ],
)
def test_what_cannot_be_loaded_there_is_refused(name: str, data: bytes, message: str) -> None:
    """Another processor, another system, half a file, another Python."""
    with pytest.raises(Missing, match=message):
        compiled.check({f"wheel/{name}": data}, "aarch64")


def test_what_can_be_loaded_there_is_taken() -> None:
    """By its processor and this Python, or any."""
    names = ("a.abi3.so", f"b.{PYTHON}-aarch64-linux-gnu.so", "c.so")
    compiled.check({**{f"wheel/{name}": elf(183) for name in names}, "wheel/a.py": b""}, "aarch64")


def test_an_unknown_processor_is_refused() -> None:
    """With those that are known."""
    with pytest.raises(Missing, match="riscv64: x86_64 and aarch64 are known"):
        compiled.check({}, "riscv64")


def test_the_command_says_why_there_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with 1, and it leaves nothing behind."""
    site, output = tmp_path / "site", tmp_path / "output"
    assert command.main([f"--site={site}", f"--output={output}", "--machine=aarch64"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("no bundle was made: paddock-webhook: ")
    assert (said.err.count("\n"), said.out) == (1, "")
    assert not output.exists()
