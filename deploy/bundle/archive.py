"""Archives that are the same bytes whenever and wherever they are made, with bytecode in them."""

import importlib.util
import io
import marshal
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from types import CodeType

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a zip archive can hold
UNCHECKED = 0b01  # PEP 552: named by a hash that nobody compares, so a file's times mean nothing


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files by name, sorted."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, wherever it is built
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16  # Lambda reads it as another user
            file.writestr(entry, files[name])
    return buffer.getvalue()


def with_bytecode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, and beside each source its bytecode for the Python that runs this."""
    return {**files, **dict(_bytecode(name, files[name]) for name in _sources(files))}


def _sources(files: Iterable[str]) -> list[str]:
    return sorted(name for name in files if name.endswith(".py"))


def _bytecode(name: str, source: bytes) -> tuple[str, bytes]:
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"), compiled(name, source)


def compiled(name: str, source: bytes) -> bytes:
    """A ``.pyc`` file's content (PEP 552): magic number, flags, hash of the source, code."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    flags = UNCHECKED.to_bytes(4, "little")
    # marshal writes a text otherwise if somebody else holds it, too, and this process may hold the same one anywhere.
    held = list(_texts(code))
    data = marshal.dumps(code)
    del held
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + data


def _texts(part: object) -> Iterator[str]:
    """All texts in code."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, tuple | frozenset):
        for each in part:
            yield from _texts(each)
    elif isinstance(part, CodeType):
        yield from (part.co_filename, part.co_name, part.co_qualname)
        for names in (part.co_consts, part.co_names, part.co_varnames, part.co_cellvars, part.co_freevars):
            yield from _texts(names)
