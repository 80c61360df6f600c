"""Whose the job is: the dedicated user that everything of the runner's runs as, where the agent is root.

The agent stays root and the job does not become root by us, but ``no_new_privs`` is not set: jobs use sudo on machines
of their own. So on such a machine the user keeps honest jobs apart from the agent; what keeps hostile ones apart from
the fleet is that the machine knows nothing worth taking.
"""

import os
import pwd
import re
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from paddock.agent.reasons import AgentFailure, Reason

DEFAULT = "runner"
UMASK = 0o022
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine. ``groups`` are all its groups' ids, so that it may use what they may (docker)."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path
    shell: str = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Choice:
    """The job's user, None if it stays the agent's own; and why, for the log and for whoever checks the machine."""

    user: User | None
    why: str


class Becoming(TypedDict, total=False):
    """What `subprocess.Popen` needs to become a user."""

    user: int
    group: int
    extra_groups: list[int]
    umask: int


def choose_user(name: str = "") -> Choice:
    """The user that jobs are to run as: the named one, else `runner` if there is one.

    Args:
        name: a user's name, or a number that need not have a name. Empty: the default.

    Raises:
        ValueError: there is no such user, or the agent may not become it.
    """
    own = own_user()
    if os.geteuid() != 0:
        if name not in ("", own.name, str(own.uid)):
            raise ValueError(f"user: found {name!r}, and only root can start jobs as somebody else than {own.name!r}")
        return Choice(None, f"jobs run as {own.name}, as the agent itself: it is not root")
    found = find_user(name or DEFAULT)
    if found is None and name:
        raise ValueError(f"user: found {name!r}, wanted the name of a user of this machine")
    if found is None:
        return Choice(None, f"jobs run as root: this machine has no user {DEFAULT!r}, and no other was named")
    if found.uid == 0:
        return Choice(None, "jobs run as root, as it was asked for")
    return Choice(found, f"jobs run as {found.name} ({found.uid}:{found.gid})")


def find_user(name: str) -> User | None:
    """The user of this name or number; None if there is none. A number alone is a user with a group of that number."""
    try:
        entry = pwd.getpwuid(int(name)) if _NUMBER.fullmatch(name) else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        if not _NUMBER.fullmatch(name):
            return None
        return User(name, int(name), int(name), (int(name),), Path("/nonexistent"))
    groups = tuple(sorted(set(os.getgrouplist(entry.pw_name, entry.pw_gid))))
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, Path(entry.pw_dir), entry.pw_shell or "/bin/sh")


def own_user() -> User:
    """The user that this process runs as, named by its number if it has no name."""
    found = find_user(str(os.geteuid()))
    assert found is not None
    return found


def becoming(user: User | None) -> Becoming:
    """Arguments for `subprocess.Popen` by which its program runs as the user (None: as ourselves)."""
    if user is None:
        return {"umask": UMASK}
    return {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups), "umask": UMASK}


def run_as(
    user: User | None, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a short program of the runner's as the job's user, with this environment alone, for `patience` seconds.

    Raises:
        OSError: it cannot be executed.
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    return subprocess.run(  # noqa: S603 - the program comes from a package whose digest was checked
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=patience,
        check=False,
        start_new_session=True,
        **becoming(user),
    )


def open_way(directory: Path, user: User | None) -> None:
    """Let the user pass through the machine's own directory, without seeing what is in it.

    Everything of the agent's in there has mode 0600 or 0700 and stays the agent's.

    Raises:
        AgentFailure: `user_unusable`, naming a directory above it that is closed to the user.
    """
    if user is None:
        directory.chmod(0o700)
        return
    directory.chmod(0o711)
    for above in (directory, *directory.resolve().parents):
        found = above.stat()
        bit = stat.S_IXOTH
        if found.st_uid == user.uid:
            bit = stat.S_IXUSR
        elif found.st_gid in user.groups:
            bit = stat.S_IXGRP
        if not found.st_mode & bit:
            detail = (
                f"{above}: found mode {stat.S_IMODE(found.st_mode):04o}, wanted one that lets {user.name} pass (0711)"
            )
            raise AgentFailure(Reason.USER_UNUSABLE, detail)


def hand_over(tree: Path, user: User | None) -> None:
    """Make the user the owner of everything in `tree`; links are not followed. Nothing is done if `tree` is its own.

    Only for what no job has touched yet: a hard link that a job put there could be to anything.

    Raises:
        OSError: the disk is failing.
    """
    if user is None or tree.lstat().st_uid == user.uid:
        return
    for _, directories, files, descriptor in os.fwalk(tree):
        for name in (*directories, *files):
            os.chown(name, user.uid, user.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(tree, user.uid, user.gid, follow_symlinks=False)


def make_for(user: User | None, *directories: Path) -> None:
    """Make directories that are the user's and nobody else's to look into (0700).

    Raises:
        OSError: one is there already, or the disk is full.
    """
    for directory in directories:
        directory.mkdir(mode=0o700)
        if user is not None:
            os.chown(directory, user.uid, user.gid, follow_symlinks=False)
