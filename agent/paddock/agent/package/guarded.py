"""Whether jobs could have changed what lies in a directory: the question before anything unpacked is used again.

An archive is hashed each time it is used, so it does not matter who could write to it. For an unpacked tree that would
need a list of digests, and whoever can change the tree can change the list. So a tree is used only where changing it
was impossible: it and every directory above it belong to root or to us, nobody else may write there, and jobs run as
neither. A job that is root owns the machine, and nothing on it can be trusted.
"""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWGRP | stat.S_IWOTH  # an access list that lets somebody write shows in the group's bit


def is_guarded(directory: Path, jobs_uid: int, *, owner: int | None = None) -> bool:
    """True if nobody who runs as `jobs_uid` could have changed anything in `directory`, links and all.

    `owner`: somebody more whose directory it may be, because nothing has run as that user yet.
    """
    path = Path(os.path.realpath(directory))
    try:
        return may_be_trusted(path.lstat(), jobs_uid, owner=owner) and all(
            may_be_trusted(parent.lstat(), jobs_uid, above=True) for parent in path.parents
        )
    except OSError:
        return False


def may_be_trusted(status: os.stat_result, jobs_uid: int, *, above: bool = False, owner: int | None = None) -> bool:
    """True if this file or directory is not of those that jobs may change.

    `above`: it is a directory on the way: one like /tmp, where all may write but not touch what is others', will do.
    `owner`: see `is_guarded`.
    """
    owned = status.st_uid in (0, os.geteuid(), owner) and jobs_uid not in (0, status.st_uid)
    if stat.S_ISLNK(status.st_mode):
        return owned  # a link's mode means nothing
    sticky = above and status.st_mode & stat.S_ISVTX
    return owned and (not status.st_mode & _OTHERS or bool(sticky))
