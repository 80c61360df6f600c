"""The mirror: what is wanted is fetched and verified, what is old goes, and a run may end anywhere."""

import hashlib
import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.objects import MemoryDownloads, MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import PaddockError, Rejected, Unavailable
from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import Scope
from paddock.core.ports.objects import Listed, Stored
from paddock.core.ports.records import Page
from paddock.core.settings import FleetSettings, ScopeKind
from paddock.core.spec import Arch
from paddock.core.units import DAY
from paddock.core.usecases.assign import scopes_of
from paddock.core.usecases.house.mirror import KEPT_FOR, MOST_DELETIONS, Mirror, key_of, outdated

ACME, OTHER = Scope("acme"), Scope("acme", "shop")
NOW = 1_800_000_000_000_000


def package(version: str, arch: Arch = Arch.X64, data: bytes | None = None) -> RunnerPackage:
    """A package whose bytes are its own name, unless others are published."""
    filename = f"actions-runner-linux-{arch.value}-{version}.tar.gz"
    digest = hashlib.sha256(filename.encode() if data is None else data).hexdigest()
    return RunnerPackage(version, f"https://example.test/{filename}", digest, filename, {"a": digest, "b": digest})


class Published:
    """`Releases` that tell what the test puts there."""

    def __init__(self) -> None:
        self.packages: dict[tuple[Scope, Arch], RunnerPackage | PaddockError] = {}

    def package(self, scope: Scope, arch: Arch) -> RunnerPackage:
        """What was put there."""
        found = self.packages[scope, arch]
        if isinstance(found, PaddockError):
            raise found
        return found


class World:
    """A mirror, and everything around it."""

    def __init__(self, *wanted: tuple[Scope, Arch]) -> None:
        self.clock = ManualClock(NOW)
        self.releases = Published()
        self.objects = MemoryObjects(self.clock, page_size=2)
        self.downloads = MemoryDownloads()
        self.wanted = wanted or ((ACME, Arch.X64),)
        self.told: list[dict[str, int]] = []

    @property
    def mirror(self) -> Mirror:
        """As a process that starts anew has it."""
        return Mirror(
            releases=self.releases,
            objects=self.objects,
            downloads=self.downloads,
            clock=self.clock,
            wanted=self.wanted,
            gauges=self,
        )

    def tell(self, levels: Mapping[str, int]) -> None:
        """See `Gauges.tell`."""
        self.told.append(dict(levels))

    def publish(self, published: RunnerPackage, scope: Scope = ACME, arch: Arch = Arch.X64) -> str:
        """From now on this is what the scope is told to run; its key."""
        self.releases.packages[scope, arch] = published
        self.downloads.network.setdefault(published.url, published.filename.encode())
        return key_of(published, arch)

    def held(self) -> list[str]:
        """Everything in the mirror."""
        return sorted(self.objects._kept)


def test_what_is_missing_is_fetched_and_kept() -> None:
    """Per processor, under the key that machines ask for; the report counts it."""
    world = World((ACME, Arch.X64), (ACME, Arch.ARM64))
    keys = [world.publish(package("2.336.0", arch), arch=arch) for arch in (Arch.X64, Arch.ARM64)]
    assert keys[0] == "runners/2.336.0/linux-x64/actions-runner-linux-x64-2.336.0.tar.gz"
    report = world.mirror()
    assert (report.attempted, report.succeeded, report.failed) == (2, 2, 0)
    assert report.by_kind == {"fetched": 2}
    assert world.held() == sorted(keys)
    stored = world.objects.head(keys[0])
    assert stored is not None
    assert stored.sha256 == package("2.336.0").sha256


def test_how_long_a_runner_is_missing_is_known_over_all_runs() -> None:
    """From the first run that could not have it until one that does; a dry run tells nobody, and forgets nothing."""
    world = World()
    world.publish(package("2.336.0"))
    assert world.mirror().cursor == ""
    published = package("2.337.0")
    world.publish(published)
    content = world.downloads.network.pop(published.url)
    first = world.mirror().cursor
    assert int(first) == NOW
    world.clock.advance(3 * DAY)
    assert world.mirror(dry_run=True, cursor=first).cursor == first
    assert world.mirror(cursor=first).cursor == first
    assert world.mirror(cursor="nonsense").cursor == str(NOW + 3 * DAY)
    world.downloads.network[published.url] = content
    assert world.mirror(cursor=first).cursor == ""
    behind = [told.get("runner_behind") for told in world.told]
    assert behind == [None, 0, 3 * DAY, 0, None]
    assert [told.get("runners_fetched") for told in world.told] == [1, None, None, None, 1]


def test_scopes_are_known_of_what_is_named_without_globs() -> None:
    """Repositories, each once; or their organisations, where a glob over repositories does not matter."""
    names = ("acme/shop", "acme/web", "acme/*", "umbrella/x-?", "*/tools", "*")
    assert scopes_of(FleetSettings(repositories=names)) == (Scope("acme", "shop"), Scope("acme", "web"))
    wide = FleetSettings(repositories=names, scope=ScopeKind.ORGANIZATION)
    assert scopes_of(wide) == (Scope("acme"), Scope("umbrella"))


def test_what_is_there_is_not_fetched_again() -> None:
    """A second run asks the network nothing."""
    world = World()
    world.publish(package("2.336.0"))
    world.mirror()
    assert world.mirror().by_kind == {"present": 1}
    assert len(world.downloads.asked) == 1


def test_two_scopes_that_want_one_package_fetch_it_once() -> None:
    """The mirror is the fleet's, not a scope's."""
    world = World((ACME, Arch.X64), (OTHER, Arch.X64), (ACME, Arch.X64))
    for scope in (ACME, OTHER):
        world.publish(package("2.336.0"), scope)
    assert world.mirror().by_kind == {"fetched": 1}


def test_a_copy_with_another_digest_is_replaced() -> None:
    """Somebody's hand in the bucket, or a release that was made anew: the published digest decides."""
    world = World()
    key = world.publish(package("2.336.0"))
    world.objects.put(key, io.BytesIO(b"old"), hashlib.sha256(b"old").hexdigest())
    assert world.mirror().by_kind == {"fetched": 1}
    stored = world.objects.head(key)
    assert stored is not None
    assert stored.sha256 == package("2.336.0").sha256


def test_bytes_with_another_digest_never_get_in() -> None:
    """It is told, and the mirror stays as it was."""
    world = World()
    wanted = package("2.336.0")
    world.downloads.network[wanted.url] = b"forged"
    world.publish(wanted)
    report = world.mirror()
    assert (report.attempted, report.failed) == (1, 1)
    assert hashlib.sha256(b"forged").hexdigest() in report.errors[0]
    assert world.held() == []


def test_scopes_that_are_told_different_digests_get_nothing() -> None:
    """Nobody can say which is right."""
    world = World((ACME, Arch.X64), (OTHER, Arch.X64))
    world.publish(package("2.336.0"))
    world.publish(package("2.336.0", data=b"other"), OTHER)
    report = world.mirror()
    assert report.failed == 1
    assert "different digests" in report.errors[0]
    assert (world.held(), world.downloads.asked) == ([], [])


@pytest.mark.parametrize("trouble", [Unavailable("GitHub is away"), Rejected("one place alone publishes a digest")])
def test_one_failure_does_not_stop_the_others(trouble: PaddockError) -> None:
    """A scope that cannot be asked is counted and named; the other's package is fetched."""
    world = World((OTHER, Arch.X64), (ACME, Arch.X64))
    world.releases.packages[OTHER, Arch.X64] = trouble
    world.publish(package("2.336.0"))
    report = world.mirror()
    assert (report.attempted, report.succeeded, report.failed) == (2, 1, 1)
    assert report.errors[0].startswith("acme/shop linux-x64: ")
    assert len(world.held()) == 1


def aged(world: World, *versions: str) -> dict[str, str]:
    """Versions that the mirror fetched long ago, one after the other; their keys."""
    keys = {}
    for version in versions:
        keys[version] = world.publish(package(version))
        world.mirror()
    world.clock.advance(KEPT_FOR)
    return keys


def test_the_newest_two_versions_stay() -> None:
    """By number, not by letter: 2.99 is older than 2.100."""
    world = World()
    keys = aged(world, "2.98.0", "2.99.0", "2.100.0", "2.101.0")
    assert world.mirror().by_kind == {"present": 1, "deleted": 2}
    assert world.held() == sorted([keys["2.100.0"], keys["2.101.0"]])


def test_an_old_version_stays_for_thirty_days() -> None:
    """A machine that was told of it may still ask for it."""
    world = World()
    aged(world, "2.1.0", "2.2.0")
    world.publish(package("2.3.0"))
    world.mirror()
    assert len(world.held()) == 2
    assert outdated([Listed("runners/1.0/linux-x64/a.tar.gz", 1, NOW)], [], NOW + KEPT_FOR) == []


def test_a_wanted_version_stays_however_old() -> None:
    """An organisation that GitHub keeps on an older release gets its copy from the mirror too."""
    world = World()
    keys = aged(world, "2.1.0", "2.2.0", "2.3.0")
    world.publish(package("2.1.0"))
    world.mirror()
    assert keys["2.1.0"] in world.held()


def test_processors_are_counted_apart() -> None:
    """Two versions of each stay."""
    old = [
        Listed(f"runners/2.{minor}.0/linux-{arch}/a.tar.gz", 1, 0) for minor in (1, 2, 3) for arch in ("x64", "arm64")
    ]
    assert outdated(old, [], NOW) == ["runners/2.1.0/linux-arm64/a.tar.gz", "runners/2.1.0/linux-x64/a.tar.gz"]


def test_what_is_not_understood_stays() -> None:
    """Other things in the bucket are somebody else's."""
    strange = ["runners/latest/linux-x64/a", "runners/2.1.0/a", "runners/2.1.0/win-x64/a", "readme"]
    known = [f"runners/2.{minor}.0/linux-x64/a" for minor in (2, 3, 4)]
    listed = [Listed(key, 1, 0) for key in strange + known]
    assert outdated(listed, [], NOW) == [known[0]]


def test_nothing_is_deleted_while_something_is_unknown() -> None:
    """If one scope could not be asked, nobody knows whether it wants the old version."""
    world = World()
    keys = aged(world, "2.1.0", "2.2.0", "2.3.0")
    world.releases.packages[ACME, Arch.X64] = Unavailable("GitHub is away")
    world.mirror()
    assert world.held() == sorted(keys.values())


def test_a_run_deletes_so_many_and_tells_how_many_are_left() -> None:
    """The next run does the rest."""
    world = World()
    aged(world, *(f"2.{minor}.0" for minor in range(MOST_DELETIONS + 5)))
    report = world.mirror()
    assert (report.by_kind["deleted"], report.left) == (MOST_DELETIONS, 3)
    assert world.mirror().by_kind["deleted"] == 3


class Crash(Exception):  # noqa: N818 - it stands for a process that ends
    """The process ends here."""


class Crashing:
    """`Objects` and `Downloads` that end the process before or after their n-th call."""

    def __init__(self, world: World, at: int, *, after: bool) -> None:
        self._world, self._left, self._after = world, at, after

    def _call(self, act: Callable[[], object]) -> object:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Crash
        result = act()
        if self._left == 0:
            raise Crash
        return result

    def put(self, key: str, content: BinaryIO, sha256: str) -> Stored:
        """As the store's."""
        result = self._call(lambda: self._world.objects.put(key, content, sha256))
        assert isinstance(result, Stored)
        return result

    def head(self, key: str) -> Stored | None:
        """As the store's."""
        result = self._call(lambda: self._world.objects.head(key))
        assert result is None or isinstance(result, Stored)
        return result

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """As the store's."""
        return self._world.objects.open(key)

    def page(self, prefix: str, cursor: str | None = None) -> Page[Listed]:
        """As the store's."""
        result = self._call(lambda: self._world.objects.page(prefix, cursor))
        assert isinstance(result, Page)
        return result

    def delete(self, key: str) -> None:
        """As the store's."""
        self._call(lambda: self._world.objects.delete(key))

    def fetch(self, url: str, largest: int) -> AbstractContextManager[BinaryIO]:
        """As the network's."""
        self._call(lambda: None)
        return self._world.downloads.fetch(url, largest)


@given(at=st.integers(1, 12), after=st.booleans())
def test_a_run_that_ends_anywhere_is_continued_by_the_next(at: int, *, after: bool) -> None:
    """Whatever call it died at, what it left is sound, and the next run brings it to the same end."""
    world = World()
    aged(world, "2.1.0", "2.2.0", "2.3.0")
    key = world.publish(package("2.4.0"))
    crashing = Crashing(world, at, after=after)
    mirror = Mirror(
        releases=world.releases, objects=crashing, downloads=crashing, clock=world.clock, wanted=world.wanted
    )
    with suppress(Crash):
        mirror()
    for kept in world.held():
        assert hashlib.sha256(kept.rpartition("/")[2].encode()).hexdigest() == world.objects._kept[kept].stored.sha256
    world.mirror()
    assert world.held() == sorted([key_of(package("2.3.0"), Arch.X64), key])
    world.clock.advance(DAY)
    assert world.mirror().by_kind == {"present": 1}


VERSIONS = st.tuples(st.integers(0, 3), st.integers(0, 12)).map(lambda v: f"{v[0]}.{v[1]}.0")
LISTED = st.builds(
    Listed,
    st.builds("runners/{}/linux-{}/a.tar.gz".format, VERSIONS, st.sampled_from(["x64", "arm64"])),
    st.just(1),
    st.integers(NOW - 2 * KEPT_FOR, NOW),
)


@given(st.lists(LISTED, max_size=20, unique_by=lambda item: item.key))
def test_the_newest_two_of_each_platform_are_never_outdated(objects: list[Listed]) -> None:
    """Whatever lies in the mirror: two versions stay, nothing young goes, and once is enough."""
    old = set(outdated(objects, [], NOW))
    rest = [item for item in objects if item.key not in old]
    for platform in ("linux-x64", "linux-arm64"):
        before = {item.key for item in objects if platform in item.key}
        after = {item.key for item in rest if platform in item.key}
        assert len(after) >= min(2, len(before))
    assert all(item.stored_at <= NOW - KEPT_FOR for item in objects if item.key in old)
    assert outdated(rest, [], NOW) == []
