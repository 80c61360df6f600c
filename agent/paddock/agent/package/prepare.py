"""The runner, ready to be started: found, verified, unpacked into its directory, and seen to be the wanted version.

Where it may come from, in order: the image (unpacked already), the box's cache, the fleet's mirror, GitHub. Whatever
the way, two places must vouch for the digest first: see `evidence`.

What it costs for a package of the real one's size (`nox -s bench -- agent` tells): unpacking takes seconds, copying
a tree some tenths of one, renaming it nothing.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.assignment import Package
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.machine.users import User, hand_over
from paddock.agent.package.baked import Baked
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.evidence import confirm
from paddock.agent.package.extraction import extract
from paddock.agent.package.fetching import exclusive, open_archive
from paddock.agent.package.places import places, this_platform
from paddock.agent.package.preflight import check_listener
from paddock.agent.package.room import is_full, no_room
from paddock.agent.package.tree import Tree, empty
from paddock.agent.ports import Clock, PackageMirror
from paddock.agent.telling.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where this machine may take runners from, and whom it runs jobs as (None: as itself).

    ``keep_tree``: whether another machine will want what is unpacked here.
    """

    cache: Path
    mirror: PackageMirror | None = None
    baked: Baked | None = None
    jobs_uid: int | None = None
    keep_tree: bool = True
    bounds: Bounds = field(default_factory=Bounds)


def prepare(
    package: Package,
    *,
    sources: Sources,
    runner: Path,
    environment: Mapping[str, str],
    phases: Phases,
    clock: Clock,
    log: Log,
    user: User | None = None,
) -> str:
    """Fill `runner`, an existing empty directory, with the package; the version its Listener tells.

    The phases ``package`` (its bytes are there and verified), ``extract`` (it is in its directory) and ``preflight``
    are noted. After a failure the directory is empty.

    Args:
        package: what the assignment asks for.
        sources: where it may come from.
        runner: where it goes.
        environment: what the Listener is started with to tell its version.
        phases: told how long each phase took.
        clock: the time.
        log: told where it came from.
        user: whose it becomes, and who starts it; None: ours.

    Raises:
        AgentFailure: with every reason that a package can give.
        OSError: a disk that fails.
    """
    done = False
    try:
        _Preparation(package, sources, runner, phases, clock, log).run()
        with phases.measure("preflight"):
            hand_over(runner, user)
            version = check_listener(runner, environment, wanted=package.version, user=user)
        done = True
    except OSError as error:
        if is_full(error):
            raise no_room("the package was unpacked", error) from error
        raise
    finally:
        if not done:
            empty(runner)
    return version


@dataclass(frozen=True, slots=True)
class _Preparation:
    package: Package
    sources: Sources
    runner: Path
    phases: Phases
    clock: Clock
    log: Log

    def run(self) -> None:
        """Fill the directory from the first place that has it."""
        if self._from_image():
            return
        tree = Tree(self.sources.cache, self.package.sha256, jobs_uid=self._jobs_uid, log=self.log)
        if self._keeps(tree) and tree.ready() and self._from_tree(tree):
            return
        start = self.clock.now()
        among = places(self.package, self.sources.mirror)
        with open_archive(self.package, self.sources.cache, among, bounds=self.sources.bounds, log=self.log) as archive:
            self.phases.note("package", self.clock.now() - start)
            with self.phases.measure("extract"):
                if not self._keeps(tree):  # asked again: the cache may have been made just now
                    extract(archive, self.runner)
                    return
                with exclusive(self.sources.cache, self.package.sha256):
                    if not tree.ready():
                        tree.make(archive)
                    if tree.copy(self.runner):
                        return
                archive.seek(0)
                extract(archive, self.runner)

    def _keeps(self, tree: Tree) -> bool:
        return self.sources.keep_tree and tree.usable()

    @property
    def _jobs_uid(self) -> int:
        return os.geteuid() if self.sources.jobs_uid is None else self.sources.jobs_uid

    def _from_image(self) -> bool:
        start = self.clock.now()
        baked = self.sources.baked
        image = None if baked is None else baked.manifest(jobs_uid=self._jobs_uid, log=self.log)
        platform = "" if image is None else this_platform()
        confirm(self.package, image, platform=platform)
        if baked is None or image is None or (image.version, image.platform) != (self.package.version, platform):
            return False  # a digest that differs was refused just now
        self.phases.note("package", self.clock.now() - start)
        with self.phases.measure("extract"):
            found = baked.place(self.runner, jobs_uid=self._jobs_uid, log=self.log)
        if found:
            self.log.write("package_baked", version=image.version, sha256=image.sha256)
        return found

    def _from_tree(self, tree: Tree) -> bool:
        start = self.clock.now()
        with exclusive(self.sources.cache, self.package.sha256):
            self.phases.note("package", self.clock.now() - start)
            with self.phases.measure("extract"):
                found = tree.ready() and tree.copy(self.runner)
        if found:
            self.log.write(
                "package_tree", sha256=self.package.sha256, milliseconds=(self.clock.now() - start) // (SECOND // 1000)
            )
        return found
