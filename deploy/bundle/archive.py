"""Archives that are the same bytes whenever and wherever they are made, with bytecode in them."""

import io
import marshal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from deploy.bundle import bytecode

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment that a zip archive can hold


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
    sources = {name: files[name] for name in sorted(files) if name.endswith(".py")}
    done = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-s", "-S", "-P", str(Path(bytecode.__file__))],
        input=marshal.dumps(sources),
        env={"PYTHONHASHSEED": "0"},  # none of ours: some of the variables change what is compiled
        stdout=subprocess.PIPE,
        check=True,
    )
    made: dict[str, bytes] = marshal.loads(done.stdout)  # noqa: S302 - our own process wrote it
    return {**files, **{_place(name): code for name, code in made.items()}}


def _place(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")
