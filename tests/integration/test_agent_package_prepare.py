"""Preparing a runner: from the image, from the box's unpacked tree, from the archive; and what may not be used."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.agent.assignment import Package
from paddock.agent.job.environment import base_environment
from paddock.agent.machine.clock import Phases, SteadyClock
from paddock.agent.package.baked import MANIFEST, Baked
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.copying import copy_tree
from paddock.agent.package.extraction import extract
from paddock.agent.package.guarded import is_guarded, may_be_trusted
from paddock.agent.package.places import HttpMirror, this_platform
from paddock.agent.package.prepare import Sources, prepare
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log
from tests.agent.machine import PackageServer, package_server
from tests.agent.runner_package import VERSION, runner_package

DATA = runner_package()
SHA256 = hashlib.sha256(DATA).hexdigest()
STRANGER = 54_321  # whom jobs run as, where they run as somebody else
BOUNDS = Bounds(min_free=1, pause=0.0)


class Box:
    """A box with a cache and an image."""

    def __init__(self, root: Path, server: PackageServer) -> None:
        self.root, self.server = root, server
        root.chmod(0o755)
        self.cache, self.image = root / "cache", root / "image"
        self.clock = SteadyClock()
        self.log = Log(root / "log", self.clock)
        self.phases = Phases(self.clock)
        self.count = 0

    def package(self, **digests: str) -> Package:
        """What the server serves."""
        said = digests or {"downloads": SHA256, "notes": SHA256}
        return Package(VERSION, self.server.url, SHA256, "actions-runner.tar.gz", said)

    def prepare(
        self,
        package: Package | None = None,
        *,
        jobs_uid: int | None = STRANGER,
        baked: Baked | None = None,
        mirror: HttpMirror | None = None,
    ) -> Path:
        """Another machine's runner, ready; its directory."""
        self.count += 1
        work = self.root / f"work-{self.count}"
        runner = work / "runner"
        runner.mkdir(parents=True, mode=0o700)
        sources = Sources(cache=self.cache, baked=baked, jobs_uid=jobs_uid, mirror=mirror, bounds=BOUNDS)
        version = prepare(
            package or self.package(),
            sources=sources,
            runner=runner,
            environment=base_environment(work, work),
            phases=self.phases,
            clock=self.clock,
            log=self.log,
        )
        assert version == VERSION
        assert (runner / "bin/Runner.Listener").is_file()
        assert not (runner / MANIFEST).exists()
        assert {"package", "extract", "preflight"} <= set(self.phases.spans)
        return runner

    def bake(self, sha256: str = SHA256, version: str = VERSION) -> None:
        """Build the runner into the image."""
        self.image.mkdir(mode=0o755)
        with (self.root / "archive").open("w+b") as file:
            file.write(DATA)
            file.seek(0)
            extract(file, self.image)
        manifest = {"version": version, "platform": this_platform(), "sha256": sha256, "verified_at": ""}
        (self.image / MANIFEST).write_text(json.dumps(manifest))

    @property
    def tree(self) -> Path:
        """The unpacked package in the cache."""
        return self.cache / f"{SHA256}.tree"

    def events(self) -> list[str]:
        """What was logged."""
        return [json.loads(line)["event"] for line in self.log.path.read_text().splitlines()]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """An empty box, below a directory that only we can write to."""
    with package_server(DATA) as server:
        yield Box(tmp_path, server)


def same(one: Path, other: Path) -> bool:
    """True if both are one file on the disk."""
    return os.path.samestat((one / "scenario.json").stat(), (other / "scenario.json").stat())


def test_the_package_is_unpacked_once_where_jobs_are_others(box: Box) -> None:
    """The next machines copy the tree: bytes of their own, and what one's job does to them harms no other."""
    first, second = box.prepare(), box.prepare()
    assert box.events().count("package_tree") == 1
    assert not same(first, second)
    assert not same(first, box.tree)
    (second / "scenario.json").write_text("a job's work")
    assert (box.prepare() / "scenario.json").read_bytes() == (first / "scenario.json").read_bytes()
    assert box.server.requests == 1


@pytest.mark.parametrize("uid", [None, 0], ids=["the agent's own", "root"])
def test_no_tree_is_kept_where_jobs_could_change_it(box: Box, uid: int | None) -> None:
    """A job of our own user, or root, could write to it: there, the archive's digest decides each time."""
    box.prepare(jobs_uid=uid)
    box.prepare(jobs_uid=uid)
    assert not box.tree.exists()
    assert (box.events().count("package_cached"), box.server.requests) == (1, 1)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777], ids=["group", "others", "all, sticky"])
def test_no_tree_is_kept_where_others_may_write(box: Box, mode: int) -> None:
    """The cache itself must be ours alone."""
    box.cache.mkdir()
    box.cache.chmod(mode)
    box.prepare()
    assert not box.tree.exists()


def test_a_tree_that_others_could_write_to_is_not_used(box: Box) -> None:
    """One file of it is enough: it is thrown away, and the archive unpacked anew."""
    box.prepare()
    forged = box.tree / "scenario.json"
    forged.write_text("forged")
    forged.chmod(0o666)
    assert (box.prepare() / "scenario.json").read_text() != "forged"
    assert "package_tree_bad" in box.events()


@pytest.mark.parametrize("damage", ["a file less", "a file more", "shorter", "a pipe", "no seal", "another boot"])
def test_a_tree_that_is_not_whole_is_not_used(box: Box, damage: str) -> None:
    """What a crash or a clumsy hand did to it shows in what the seal counts."""
    box.prepare()
    seal = box.tree.with_suffix(".seal")
    if damage == "a file less":
        (box.tree / "scenario.json").unlink()
    elif damage == "a file more":
        (box.tree / "more").write_text("")
    elif damage == "shorter":
        (box.tree / "scenario.json").write_text("")
    elif damage == "a pipe":
        os.mkfifo(box.tree / "pipe")
    elif damage == "no seal":
        seal.unlink()
        (box.tree / "scenario.json").write_text("")
    else:
        seal.write_text(json.dumps({**json.loads(seal.read_text()), "boot": "another"}))
        (box.tree / "scenario.json").write_text("")
    runner = box.prepare()
    assert json.loads((runner / "scenario.json").read_text())["runs"]
    assert sorted(path.name for path in runner.iterdir()) == ["bin", "scenario.json"]


def test_the_image_comes_first(box: Box) -> None:
    """Nothing is downloaded; the image's own files stay as they are."""
    box.bake()
    runner = box.prepare(baked=Baked(box.image))
    assert (box.server.requests, box.cache.exists()) == (0, False)
    assert not same(runner, box.image)
    assert (box.image / MANIFEST).exists()


def test_an_image_used_once_is_moved(box: Box) -> None:
    """No byte is copied, whoever jobs run as; the directory is the machine's own, and there is no second."""
    box.bake()
    inode = (box.image / "scenario.json").stat().st_ino
    runner = box.prepare(baked=Baked(box.image, once=True), jobs_uid=None)
    assert (runner / "scenario.json").stat().st_ino == inode
    assert (box.image.exists(), runner.stat().st_mode & 0o777) == (False, 0o700)
    box.prepare(baked=Baked(box.image, once=True), jobs_uid=None)
    assert box.server.requests == 1


def test_the_image_vouches_for_a_digest(box: Box) -> None:
    """With one place more it is believed; without the image it is not."""
    box.bake()
    box.prepare(box.package(downloads=SHA256), baked=Baked(box.image))
    with pytest.raises(AgentFailure) as caught:
        box.prepare(box.package(downloads=SHA256))
    assert caught.value.reason is Reason.DIGEST_UNCONFIRMED


def test_an_image_with_another_digest_is_an_alarm(box: Box) -> None:
    """The same version, and other bytes: somebody is wrong, and nothing is started or downloaded."""
    box.bake(sha256="0" * 64)
    with pytest.raises(AgentFailure) as caught:
        box.prepare(baked=Baked(box.image))
    assert (caught.value.reason, box.server.requests) == (Reason.DIGEST_DISAGREEMENT, 0)


def test_an_older_image_is_left_aside(box: Box) -> None:
    """GitHub wants a newer runner than the image has."""
    box.bake(version="2.0.0", sha256="0" * 64)
    box.prepare(baked=Baked(box.image))
    assert box.server.requests == 1


@pytest.mark.parametrize(
    "flaw", ["not there", "no manifest", "bad manifest", "a file of others", "others may write", "jobs"]
)
def test_an_image_that_cannot_be_trusted_is_left_aside(box: Box, flaw: str) -> None:
    """The package then comes as if there were none."""
    if flaw != "not there":
        box.bake()
    if flaw == "no manifest":
        (box.image / MANIFEST).unlink()
    if flaw == "bad manifest":
        (box.image / MANIFEST).write_text("{}")
    if flaw == "a file of others":
        (box.image / "scenario.json").chmod(0o666)
    if flaw == "others may write":
        box.image.chmod(0o777)
    box.prepare(baked=Baked(box.image), jobs_uid=None if flaw == "jobs" else STRANGER)
    assert box.server.requests == 1


def test_the_mirror_is_asked_before_github(box: Box) -> None:
    """And GitHub not at all, if it has the package."""
    with package_server(DATA) as mirror:
        box.prepare(mirror=HttpMirror(mirror.url.rpartition("/")[0]))
        assert (mirror.requests, box.server.requests) == (1, 0)


def test_another_version_than_promised_is_refused(box: Box) -> None:
    """The bytes are right and the word about them is not: nothing is left in the directory."""
    wrong = Package("2.337.0", box.server.url, SHA256, "actions-runner.tar.gz", box.package().digests)
    with pytest.raises(AgentFailure) as caught:
        box.prepare(wrong)
    assert caught.value.reason is Reason.VERSION_MISMATCH
    assert f"says '{VERSION}', the package was to be 2.337.0" in caught.value.detail
    assert list((box.root / "work-1/runner").iterdir()) == []


def test_links_and_modes_are_copied(tmp_path: Path) -> None:
    """Links as links, executables as such, and nothing beside."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "bin").mkdir(parents=True)
    target.mkdir()
    (source / "bin/tool").write_bytes(bytes(range(256)) * 9_000)
    (source / "bin/tool").chmod(0o755)
    (source / "empty").touch()
    (source / "link").symlink_to("bin/tool")
    (source / "dangling").symlink_to("nothing")
    size = copy_tree(source, target, lambda _: True)
    assert (size.entries, size.bytes) == (5, 256 * 9_000)
    assert (target / "bin/tool").read_bytes() == (source / "bin/tool").read_bytes()
    assert ((target / "bin/tool").stat().st_mode & 0o777, (target / "empty").stat().st_size) == (0o755, 0)
    assert [(target / name).readlink() for name in ("link", "dangling")] == [Path("bin/tool"), Path("nothing")]


def test_an_error_while_copying_is_told(tmp_path: Path) -> None:
    """One of many files that cannot be written fails the whole."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for number in range(200):
        (source / str(number)).write_text("x")
    (target / "137").write_text("in the way")
    with pytest.raises(OSError, match="File exists") as caught:
        copy_tree(source, target, lambda _: True)
    assert caught.value.errno == errno.EEXIST


def status(uid: int, mode: int) -> os.stat_result:
    """What `os.stat` would say of such a file."""
    return os.stat_result((mode, 0, 0, 1, uid, 0, 0, 0, 0, 0))


def test_whose_files_may_be_trusted() -> None:
    """Root's and ours, if jobs are neither and no other may write; a link has no mode; above, /tmp's way will do."""
    ours = os.geteuid()
    assert may_be_trusted(status(ours, 0o100755), STRANGER)
    assert may_be_trusted(status(0, 0o100755), STRANGER)
    assert may_be_trusted(status(ours, 0o120777), STRANGER)
    assert may_be_trusted(status(0, 0o041777), STRANGER, above=True)
    assert not may_be_trusted(status(0, 0o041777), STRANGER)
    assert not may_be_trusted(status(STRANGER, 0o100755), STRANGER)
    assert not may_be_trusted(status(STRANGER + 1, 0o100755), STRANGER)
    assert not may_be_trusted(status(ours, 0o100755), ours)
    assert not may_be_trusted(status(ours, 0o100755), 0)
    assert not may_be_trusted(status(ours, 0o100775), STRANGER)


def test_a_directory_is_judged_by_where_it_is(tmp_path: Path) -> None:
    """A link to it changes nothing; a directory above that all may write to does."""
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to(inner)
    assert is_guarded(inner, STRANGER)
    assert is_guarded(tmp_path / "link", STRANGER)
    assert not is_guarded(tmp_path / "nothing", STRANGER)
    (tmp_path / "a").chmod(0o777)
    assert not is_guarded(inner, STRANGER)
    assert not is_guarded(tmp_path / "link", STRANGER)
