"""The operating system's errors, in the core's words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from paddock.core.errors import AccessDenied, PaddockError, Unavailable

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def error_of(error: OSError) -> PaddockError:
    """The core's error: what needs somebody's hand is denied, all else may pass (a full disk, too many processes)."""
    kind = AccessDenied if error.errno in _DENIED else Unavailable
    return kind(f"{error.strerror or type(error).__name__}: {error.filename or 'the machines directory'}")


@contextmanager
def os_errors() -> Iterator[None]:
    """Translate whatever the operating system raises inside."""
    try:
        yield
    except OSError as error:
        raise error_of(error) from error
