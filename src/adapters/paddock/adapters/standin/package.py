"""Builds the runner package in memory: the same bytes for the same version, interpreter and flaw."""

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files

import attrs

from paddock.adapters.standin.runner.common import VERSION
from paddock.adapters.standin.runner.shell import SCRIPTS, WINDOWS_FILES
from paddock.core.spec import Arch

# Each program is one file, as the real ones nearly are: these modules' texts, one after the other.
_PROGRAMS = {
    "bin/Runner.Listener": ("common.py", "local.py", "configure.py", "update.py", "dispatch.py", "listener.py"),
    "bin/Runner.Worker": ("common.py", "files.py", "processes.py", "worker.py"),
}
_OWN_IMPORT = re.compile(r"^from paddock\.[a-z.]+ import (\([^)]*\)|[^\n]*)\n", re.MULTILINE)
_LONGEST_SHEBANG = 120
_WRONG = hashlib.sha256(b"wrong").hexdigest()


class Flaw(StrEnum):
    """What is wrong with a package, or with the word about it."""

    NONE = "none"
    WRONG_DIGEST = "wrong-digest"
    TRUNCATED = "truncated"
    PATH_TRAVERSAL = "path-traversal"
    SYMLINK_ESCAPE = "symlink-escape"
    MISSING_LISTENER = "missing-listener"
    DIGEST_NULL = "digest-null"


@attrs.frozen
class BuiltPackage:
    """A runner package. ``sha256`` is what its publisher says, None if nothing is said."""

    filename: str
    version: str
    content: bytes = attrs.field(repr=False)
    sha256: str | None


@cache
def build(arch: Arch = Arch.X64, *, version: str = VERSION, flaw: Flaw = Flaw.NONE) -> BuiltPackage:
    """The Linux package for `arch`. Both hold the same scripts: it is the interpreter that knows the processor."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add_all(archive, version, flaw)
    content = buffer.getvalue()
    digest: str | None = hashlib.sha256(content).hexdigest()
    if flaw is Flaw.TRUNCATED:
        content = content[: len(content) // 2]
        digest = hashlib.sha256(content).hexdigest()
    if flaw is Flaw.WRONG_DIGEST:
        digest = _WRONG
    if flaw is Flaw.DIGEST_NULL:
        digest = None
    return BuiltPackage(f"actions-runner-linux-{arch}-{version}.tar.gz", version, content, digest)


@cache
def build_windows(arch: Arch = Arch.X64, *, version: str = VERSION, flaw: Flaw = Flaw.NONE) -> BuiltPackage:
    """The Windows package for `arch`: the true layout for tests of paths; its programs run nowhere."""
    buffer = io.BytesIO()
    names = [*WINDOWS_FILES]
    if flaw is Flaw.MISSING_LISTENER:
        names.remove("bin/Runner.Listener.exe")
    if flaw is Flaw.PATH_TRAVERSAL:
        names.append("..\\escaped")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)  # of 1980-01-01, so the bytes are always the same
            archive.writestr(entry, b"MZ" if name.endswith((".exe", ".dll")) else b"@echo off\r\n")
    content = buffer.getvalue()
    if flaw is Flaw.TRUNCATED:
        content = content[: len(content) // 2]
    digest: str | None = hashlib.sha256(content).hexdigest()
    digest = {Flaw.WRONG_DIGEST: _WRONG, Flaw.DIGEST_NULL: None}.get(flaw, digest)
    return BuiltPackage(f"actions-runner-win-{arch}-{version}.zip", version, content, digest)


def _add_all(archive: tarfile.TarFile, version: str, flaw: Flaw) -> None:
    texts = dict(SCRIPTS)
    for path, modules in _PROGRAMS.items():
        if flaw is not Flaw.MISSING_LISTENER or path != "bin/Runner.Listener":
            texts[path] = _program(modules, version)
    folders = sorted(
        {"/".join(parts[:depth]) for parts in (path.split("/") for path in texts) for depth in range(1, len(parts))}
    )
    for folder in ("", *folders):
        entry = tarfile.TarInfo(f"./{folder}" if folder else ".")
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    for path, text in sorted(texts.items()):
        entry = tarfile.TarInfo(f"./{path}")
        data = text.encode()
        entry.size, entry.mode = len(data), 0o755
        archive.addfile(entry, io.BytesIO(data))
    if flaw is Flaw.PATH_TRAVERSAL:
        entry = tarfile.TarInfo("../escaped")
        entry.size = len(b"escaped")
        archive.addfile(entry, io.BytesIO(b"escaped"))
    if flaw is Flaw.SYMLINK_ESCAPE:
        entry = tarfile.TarInfo("./externals/escape")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../../../tmp"
        archive.addfile(entry)


def _program(modules: Sequence[str], version: str) -> str:
    folder = files("paddock.adapters.standin.runner")
    texts = [(folder / module).read_text(encoding="utf-8") for module in modules]
    texts[0] = texts[0].replace(f'"{VERSION}"', f'"{version}"', 1)
    return "\n".join((_shebang(), *(_OWN_IMPORT.sub("", text) for text in texts)))


def _shebang() -> str:
    # The agent starts the Listener with a clean environment, so nothing on a search path can be relied on.
    plain = f"#!{sys.executable} -IS"
    if " " not in sys.executable and len(plain) <= _LONGEST_SHEBANG:
        return plain
    # Both a shell script that starts the interpreter, and a Python string that does nothing.
    return f"#!/bin/sh\n'''exec' \"{sys.executable}\" -IS \"$0\" \"$@\"\n' '''"
