"""Unpacking a runner package: the official shape comes out whole, and no entry reaches outside."""

import contextlib
import gzip
import io
import os
import random
import shutil
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.package.extraction import extract
from paddock.agent.reasons import AgentFailure, Reason
from tests.agent.runner_package import archive

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
    "block device": [entry("x", tarfile.BLKTYPE)],
    "pipe": [entry("x", tarfile.FIFOTYPE)],
    "unknown kind": [entry("x", b"s")],
    "directory twice, once as a file": [entry("x", tarfile.DIRTYPE), entry("x", content=b"x")],
    "written twice under another name": [entry("x", content=b"x"), entry("./x", content=b"y")],
    "chain of links": [
        entry("a", tarfile.SYMTYPE, "b"),
        entry("b", tarfile.SYMTYPE, "."),
        entry("a/x", content=b"x"),
    ],
    "chain of links going up": [
        entry("d", tarfile.DIRTYPE),
        entry("d/a", tarfile.SYMTYPE, ".."),
        entry("b", tarfile.SYMTYPE, "d/a/.."),
    ],
    "hard link to an absolute name": [entry("x", tarfile.LNKTYPE, "/etc/passwd")],
    "hard link to a directory": [entry("x", tarfile.LNKTYPE, "bin")],
    "long name": [entry("/".join(["x" * 200] * 6), content=b"x")],
    "root as a file": [entry("./", content=b"x")],
}


@pytest.mark.parametrize("name", ESCAPES)
def test_refuses_what_reaches_outside(name: str, tmp_path: Path) -> None:
    """Each known way out of the directory is refused, and the refusal says which entry it was."""
    assert refusal(archive(GOOD, ESCAPES[name]), tmp_path).startswith("entry ")


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    """Its holes would be a bomb that costs no bytes; no sound package has one."""
    info, _ = entry("x")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "x"}
    info.pax_headers |= {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0", "GNU.sparse.numblocks": "1"}
    assert refusal(archive(GOOD, [(info, b"")]), tmp_path).startswith("entry ")


def test_a_name_that_no_disk_takes_is_the_packages_fault(tmp_path: Path) -> None:
    """256 bytes between two slashes are one too many for Linux."""
    assert "File name too long" in refusal(archive(GOOD, [entry("x" * 256, content=b"x")]), tmp_path)


def limited(data: bytes, root: Path, **bounds: int) -> str:
    """Why the package is refused under these bounds."""
    root.mkdir()
    with pytest.raises(AgentFailure) as caught:
        extract(io.BytesIO(data), root, **bounds)
    assert caught.value.reason is Reason.BAD_PACKAGE
    return caught.value.detail


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """By what it inflates to, by the ratio, and by how many entries it has; long before the disk is full."""
    zeros = [entry("zeros", content=bytes(100 << 20))]
    assert "times as many" in limited(archive(GOOD, zeros), tmp_path / "ratio")
    written = sum(path.stat().st_size for path in (tmp_path / "ratio").rglob("*"))
    assert written < 80 << 20
    noise = [entry("noise", content=random.Random(1).randbytes(3 << 20))]
    assert "inflates to more than" in limited(archive(GOOD, noise), tmp_path / "total", max_bytes=2 << 20)
    many = [entry(f"d/{number}") for number in range(50)]
    assert "more than 40 entries" in limited(archive(GOOD, many), tmp_path / "many", max_entries=40)
    assert len(list((tmp_path / "many").rglob("*"))) < 50


def test_headers_cannot_fill_the_memory(tmp_path: Path) -> None:
    """A header may claim any size, and headers may announce headers: a megabyte per entry is all that is read."""
    info, _ = entry("x")
    info.pax_headers = {"comment": "x" * (2 << 20)}
    assert "is described by more than" in refusal(archive(GOOD, [(info, b"")]), tmp_path)
    chain = tarfile.TarInfo("././@LongLink")
    chain.type, chain.size = tarfile.GNUTYPE_LONGNAME, 2
    chained = gzip.compress((chain.tobuf(tarfile.GNU_FORMAT) + b"x\0".ljust(512, b"\0")) * 5_000)
    shutil.rmtree(tmp_path / "root")
    assert refusal(chained, tmp_path)


def test_members_and_padding_are_read(tmp_path: Path) -> None:
    """A .gz may consist of several, and may be padded: it is one file all the same."""
    packed = gzip.decompress(archive(GOOD))
    parts = gzip.compress(packed[:700]) + gzip.compress(packed[700:]) + bytes(512)
    unpack(parts, tmp_path / "root")
    assert (tmp_path / "root/bin/Runner.Listener").read_bytes() == GOOD["bin/Runner.Listener"]


def test_no_thread_is_left(tmp_path: Path) -> None:
    """Neither after a good package nor after one that is given up in the middle."""
    before = threading.active_count()
    big = [entry("noise", content=random.Random(1).randbytes(20 << 20))]
    unpack(archive(GOOD, big), tmp_path / "good")
    assert limited(archive({}, [entry("../x", content=b"x"), *big]), tmp_path / "bad")
    assert threading.active_count() == before


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


def test_no_mode_makes_anybody_mighty(tmp_path: Path) -> None:
    """Neither set-user-id nor set-group-id, nor writing by others; not of directories either."""
    directory, _ = entry("tools", tarfile.DIRTYPE, mode=0o7777)
    unpack(archive(GOOD, [(directory, b""), entry("tools/su", content=b"x", mode=0o6777)]), tmp_path / "root")
    assert {path.stat().st_mode & 0o7022 for path in (tmp_path / "root").rglob("*")} == {0}


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
