"""Unpacking a runner package: the official shape comes out whole, and no entry reaches outside."""

import contextlib
import io
import os
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.package.extraction import extract
from paddock.agent.reasons import AgentFailure, Reason
from tests.runner_package import archive

GOOD = {"bin/Runner.Listener": b"#!/bin/sh\n"}


Entry = tuple[tarfile.TarInfo, bytes]


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"", *, mode: int = 0o644
) -> Entry:
    """One entry of a package, and its bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(content), mode
    return info, content


def unpack(data: bytes, root: Path) -> None:
    root.mkdir()
    extract(io.BytesIO(data), root)


def refusal(data: bytes, tmp_path: Path) -> str:
    """Why the package is refused; and nothing has appeared beside its directory."""
    with pytest.raises(AgentFailure) as caught:
        unpack(data, tmp_path / "root")
    assert caught.value.reason is Reason.BAD_PACKAGE
    assert list(tmp_path.iterdir()) == [tmp_path / "root"]
    return caught.value.detail


def test_unpacks_files_directories_and_inner_links(tmp_path: Path) -> None:
    """The shape of the official package: ``./`` entries, executables, links up and beside, and hard links."""
    more = [
        entry(".", tarfile.DIRTYPE),
        entry("externals/node20/bin/", tarfile.DIRTYPE),
        entry("externals/node20/lib/npm.js", content=b"npm"),
        entry("externals/node20/bin/npm", tarfile.SYMTYPE, "../lib/npm.js"),
        entry("externals/node20/bin/npm2", tarfile.LNKTYPE, "./externals/node20/lib/npm.js"),
        entry("run.sh", content=b"#!/bin/sh", mode=0o6777),
    ]
    unpack(archive(GOOD, more), tmp_path / "root")
    root = tmp_path / "root"
    assert (root / "externals/node20/bin/npm").read_bytes() == b"npm"
    assert (root / "externals/node20/bin/npm2").read_bytes() == b"npm"
    assert os.access(root / "bin/Runner.Listener", os.X_OK)
    assert (root / "run.sh").stat().st_mode & 0o7777 == 0o755


ESCAPES = {
    "absolute name": [entry("/tmp/x", content=b"x")],
    "name going up": [entry("../x", content=b"x")],
    "name going up inside": [entry("bin/../../x", content=b"x")],
    "backslashes": [entry("..\\x", content=b"x")],
    "absolute link": [entry("x", tarfile.SYMTYPE, "/etc/passwd")],
    "link going up": [entry("x", tarfile.SYMTYPE, "../outside")],
    "link going up too far": [entry("a/b/x", tarfile.SYMTYPE, "../../../outside")],
    "link going up behind a name": [entry("x", tarfile.SYMTYPE, "bin/../..")],
    "empty link": [entry("x", tarfile.SYMTYPE, "")],
    "file through a link": [entry("x", tarfile.SYMTYPE, "bin"), entry("x/file", content=b"x")],
    "file over a link": [entry("x", tarfile.SYMTYPE, "bin/y"), entry("x", content=b"x")],
    "directory over a link": [entry("x", tarfile.SYMTYPE, "bin"), entry("x", tarfile.DIRTYPE)],
    "hard link going up": [entry("x", tarfile.LNKTYPE, "../root/bin/Runner.Listener")],
    "hard link to a link": [entry("x", tarfile.SYMTYPE, "bin"), entry("y", tarfile.LNKTYPE, "x")],
    "hard link through a link": [
        entry("x", tarfile.SYMTYPE, "bin"),
        entry("y", tarfile.LNKTYPE, "x/Runner.Listener"),
    ],
    "hard link to nothing": [entry("x", tarfile.LNKTYPE, "nothing")],
    "written twice": [entry("bin/Runner.Listener", content=b"other")],
    "device": [entry("x", tarfile.CHRTYPE)],
    "pipe": [entry("x", tarfile.FIFOTYPE)],
    "root as a file": [entry("./", content=b"x")],
}


@pytest.mark.parametrize("name", ESCAPES)
def test_refuses_what_reaches_outside(name: str, tmp_path: Path) -> None:
    """Each known way out of the directory is refused, and the refusal says which entry it was."""
    assert refusal(archive(GOOD, ESCAPES[name]), tmp_path).startswith("entry ")


BIG = archive({**GOOD, "big": bytes(range(256)) * 4_000, "dense": random.Random(1).randbytes(50_000), "last": b"x"})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an archive",
        archive(GOOD)[:40],
        BIG[:20_000],
        BIG[:60] + b"\xff" * 100 + BIG[160:],
    ],
    ids=["empty", "text", "cut in the header", "cut in a file", "damaged in the middle"],
)
def test_refuses_what_is_not_an_archive(data: bytes, tmp_path: Path) -> None:
    """A damaged archive is the package's fault and is called so."""
    said = refusal(data, tmp_path)
    assert "not a readable" in said or "ends in the middle" in said


@pytest.mark.parametrize(
    "files",
    [{"run.sh": b"x"}, {"Runner.Listener": b"x"}],
    ids=["none", "in another place"],
)
def test_refuses_a_package_without_a_listener(files: dict[str, bytes], tmp_path: Path) -> None:
    """A package that has no executable Listener where it belongs is of no use."""
    assert "bin/Runner.Listener" in refusal(archive(files), tmp_path)


def test_refuses_a_listener_that_is_a_link(tmp_path: Path) -> None:
    """The Listener itself must be a file of the package."""
    more = [entry("bin/other", content=b"x"), entry("bin/Runner.Listener", tarfile.SYMTYPE, "other")]
    assert "bin/Runner.Listener" in refusal(archive({}, more), tmp_path)


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", ""]), min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
ENTRIES = st.lists(st.tuples(NAMES, KINDS, NAMES), max_size=8)


@given(ENTRIES)
def test_no_mixture_of_entries_leaves_the_directory(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, bytes, str]]
) -> None:
    """Whatever files and links are combined, every path inside still leads inside."""
    base = tmp_path_factory.mktemp("mixture")
    more = [entry(name, kind, link, b"x" if kind == tarfile.REGTYPE else b"") for name, kind, link in entries]
    with contextlib.suppress(AgentFailure):
        unpack(archive(GOOD, more), base / "root")
    assert list(base.iterdir()) == [base / "root"]
    root = (base / "root").resolve()
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = Path(directory, name)
            real = Path(os.path.realpath(path))
            assert real == root or root in real.parents
