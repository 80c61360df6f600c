"""Compiles sources in a process that does nothing else: the same sources give the same bytes.

What marshal writes depends on who else holds a text and on whether somebody has interned it, so on everything that its
process has done before. This file imports nothing of ours, and runs by itself: sources by name come in, bytecode by
name goes out, as marshal writes a dictionary of bytes.
"""

import importlib.util
import marshal
import sys

_UNCHECKED = 0b01  # PEP 552: named by a hash that nobody compares, so a file's times mean nothing


def compiled(name: str, source: bytes) -> bytes:
    """A ``.pyc`` file's content (PEP 552): magic number, flags, hash of the source, code."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    flags = _UNCHECKED.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


if __name__ == "__main__":
    sources: dict[str, bytes] = marshal.load(sys.stdin.buffer)  # noqa: S302 - our own parent process wrote it
    marshal.dump({name: compiled(name, source) for name, source in sources.items()}, sys.stdout.buffer)
