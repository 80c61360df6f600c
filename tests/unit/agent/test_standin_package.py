"""The runner package of the stand-in: its layout, and the flaws that an extractor must refuse."""

import hashlib
import io
import stat
import tarfile
import zipfile

import pytest

from paddock.adapters.standin import Flaw, build, build_windows
from paddock.core.spec import Arch


def entries(flaw: Flaw = Flaw.NONE) -> dict[str, tarfile.TarInfo]:
    """What is in the archive."""
    with tarfile.open(fileobj=io.BytesIO(build(flaw=flaw).content)) as archive:
        return {entry.name: entry for entry in archive}


def test_has_the_real_layout() -> None:
    """Entries start with ``./`` and no top folder; the programs and scripts may be executed by everybody."""
    found = entries()
    assert {name.partition("/")[0] for name in found} == {"."}
    for path in (
        "bin/Runner.Listener",
        "bin/Runner.Worker",
        "bin/installdependencies.sh",
        "config.sh",
        "run.sh",
        "env.sh",
        "safe_sleep.sh",
        "run-helper.sh.template",
        "externals/node20/bin/node",
        "externals/node24/bin/node",
    ):
        entry = found[f"./{path}"]
        assert entry.isfile()
        assert stat.S_IMODE(entry.mode) == 0o755


@pytest.mark.parametrize("arch", list(Arch))
def test_is_named_and_digested_as_published(arch: Arch) -> None:
    """The name tells system, architecture and version; the digest is that of the bytes."""
    package = build(arch, version="2.400.1")
    assert package.filename == f"actions-runner-linux-{arch}-2.400.1.tar.gz"
    assert package.sha256 == hashlib.sha256(package.content).hexdigest()


def test_the_version_is_the_packages_own() -> None:
    """The Listener inside says the version that the package's name says."""
    with tarfile.open(fileobj=io.BytesIO(build(version="2.400.1").content)) as archive:
        program = archive.extractfile("./bin/Runner.Listener")
        assert program is not None
        assert b'VERSION = "2.400.1"' in program.read()


def test_programs_stand_alone() -> None:
    """What runs on a machine imports nothing of ours: it is one file on a bare interpreter."""
    with tarfile.open(fileobj=io.BytesIO(build().content)) as archive:
        for name in ("./bin/Runner.Listener", "./bin/Runner.Worker"):
            program = archive.extractfile(name)
            assert program is not None
            text = program.read().decode()
            assert text.startswith("#!")
            assert "import paddock" not in text
            assert "from paddock" not in text


def test_flaws_of_the_digest() -> None:
    """A wrong digest is not that of the bytes; a silent publisher gives none; a cut file hashes to what is said."""
    wrong = build(flaw=Flaw.WRONG_DIGEST)
    assert wrong.sha256 != hashlib.sha256(wrong.content).hexdigest()
    assert build(flaw=Flaw.DIGEST_NULL).sha256 is None
    cut = build(flaw=Flaw.TRUNCATED)
    assert cut.sha256 == hashlib.sha256(cut.content).hexdigest()
    with pytest.raises((EOFError, tarfile.ReadError)), tarfile.open(fileobj=io.BytesIO(cut.content)) as archive:
        list(archive)


def test_flaws_of_the_content() -> None:
    """One entry climbs out of its folder, one link points out of it, and one package lacks its Listener."""
    assert "../escaped" in entries(Flaw.PATH_TRAVERSAL)
    link = entries(Flaw.SYMLINK_ESCAPE)["./externals/escape"]
    assert link.issym()
    assert link.linkname.startswith("../../")
    assert "./bin/Runner.Listener" not in entries(Flaw.MISSING_LISTENER)


def windows(flaw: Flaw = Flaw.NONE) -> list[str]:
    """What is in the Windows archive."""
    with zipfile.ZipFile(io.BytesIO(build_windows(flaw=flaw).content)) as archive:
        return archive.namelist()


def test_the_windows_package_is_a_zip_of_the_same_shape() -> None:
    """No top folder, programs with their ending, scripts of its own kind and none of the other's but the template."""
    package = build_windows(Arch.ARM64, version="2.400.1")
    assert package.filename == "actions-runner-win-arm64-2.400.1.zip"
    assert package.sha256 == hashlib.sha256(package.content).hexdigest()
    assert package.content == build_windows(Arch.ARM64, version="2.400.1").content
    found = windows()
    assert {"bin/Runner.Listener.exe", "bin/RunnerService.exe", "config.cmd", "run-helper.cmd.template"} <= set(found)
    assert not [name for name in found if name.endswith(".sh") or name.startswith(("/", "."))]


def test_flaws_of_the_windows_package() -> None:
    """One entry climbs out by backslashes, one lacks its Listener, one is cut, two have a wrong or no digest."""
    assert "..\\escaped" in windows(Flaw.PATH_TRAVERSAL)
    assert "bin/Runner.Listener.exe" not in windows(Flaw.MISSING_LISTENER)
    with pytest.raises(zipfile.BadZipFile):
        windows(Flaw.TRUNCATED)
    assert build_windows(flaw=Flaw.DIGEST_NULL).sha256 is None
    wrong = build_windows(flaw=Flaw.WRONG_DIGEST)
    assert wrong.sha256 != hashlib.sha256(wrong.content).hexdigest()
