#!/usr/bin/env python3
"""Build the agent as one file that any Python from 3.11 on can run: ``build/paddock-agent.pyz``.

The same sources and the same Python give the same bytes, so that the file's digest can be named before a machine
fetches it. Beside each source stands its bytecode for the Python that builds: import then takes about half
the time that it takes without (docs/image.md has the figures), and any other Python reads the sources.
"""

import argparse
import hashlib
import importlib.util
import io
import marshal
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = (("paddock/agent", HERE), ("paddock/contracts", HERE.parent / "contracts"))  # packages, and what they lie below
SHEBANG = b"#!/usr/bin/env python3\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a zip archive can hold
UNCHECKED = 0b01  # PEP 552: named by a hash that nobody compares; the archive is checked as a whole, before it runs

MAIN = '''"""The agent of a Paddock machine, version {version}."""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"paddock-agent: needs Python 3.11 or newer, and this is {{sys.version.split()[0]}}")
if sys.argv[1:] == ["--version"]:
    print("paddock-agent {version}")
    sys.exit(0)

from paddock.agent.__main__ import main

sys.exit(main())
'''


def main() -> int:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(description="build the agent as a single file")
    parser.add_argument("--output", type=Path, default=HERE.parent / "build" / "paddock-agent.pyz")
    parser.add_argument("--no-bytecode", action="store_true", help="sources only: slower to start, same on any Python")
    options = parser.parse_args()
    data = archive(version(), bytecode=not options.no_bytecode)
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(data)
    output.chmod(0o755)
    extra = "no bytecode" if options.no_bytecode else f"bytecode of {sys.implementation.cache_tag}"
    sys.stdout.write(f"{output}\n{len(data)} bytes, {extra}\nsha256 {hashlib.sha256(data).hexdigest()}\n")
    return 0


def version() -> str:
    """The project's version."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def archive(version: str, *, bytecode: bool = True) -> bytes:
    """The whole file: the line that names the interpreter, then a zip archive of the parts."""
    buffer = io.BytesIO()
    buffer.write(SHEBANG)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in entries(version, bytecode=bytecode):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, wherever it is built
            entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
            entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            file.writestr(entry, data)
    return buffer.getvalue()


def entries(version: str, *, bytecode: bool) -> Iterator[tuple[str, bytes]]:
    """The archive's entries in their order: directories have one, or Python would see no namespace package in it."""
    main = MAIN.format(version=version).encode()
    yield "__main__.py", main
    yield "paddock/", b""
    for package, root in PARTS:
        yield f"{package}/", b""
        yield from sources(root / package, root, bytecode=bytecode)


def sources(top: Path, root: Path, *, bytecode: bool) -> Iterator[tuple[str, bytes]]:
    """A package's programs, sorted. Schemas stay behind: the agent reads none."""
    for path in sorted(top.rglob("*"), key=lambda path: path.relative_to(root).parts):
        name = path.relative_to(root).as_posix()
        if path.is_dir() and any(path.glob("*.py")):
            yield f"{name}/", b""
        elif path.suffix == ".py" and not path.name.startswith("."):
            data = path.read_bytes()
            yield name, data
            if bytecode:
                yield f"{name}c", compiled(name, data)


def compiled(name: str, source: bytes) -> bytes:
    """A ``.pyc`` file's content (PEP 552): magic number, flags, hash of the source, code."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    flags = UNCHECKED.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


if __name__ == "__main__":
    sys.exit(main())
