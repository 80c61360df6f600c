"""Files that a command is told to write: seen to before the work begins, so that its outcome is not lost."""

from pathlib import Path

from paddock.core.errors import InvalidInput


def writable(option: str, path: Path) -> None:
    """See that a file can be written there. One that is there is left as it is, and none is made.

    Raises:
        InvalidInput: it cannot; the error names `option`.
    """
    if path.is_dir():
        raise InvalidInput(option, str(path), "is a folder: name a file in it")
    if not path.parent.is_dir():
        raise InvalidInput(option, str(path), f"there is no directory {path.parent}: make it, or name another file")
    there = path.exists()
    try:
        path.open("ab").close()  # permissions alone do not tell: root has all, and the disk may be read-only
    except OSError as error:
        raise InvalidInput(option, str(path), f"cannot be written ({error.strerror}): name another file") from None
    if not there:
        path.unlink(missing_ok=True)


def write(option: str, path: Path, text: str) -> None:
    """Write the file.

    Raises:
        InvalidInput: the system does not let us; the error names `option`.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        remedy = f"could not be written ({error.strerror}): name another file"
        raise InvalidInput(option, str(path), remedy) from None
