"""Whether what others compiled can be loaded where the functions run: by that processor, and by this Python."""

import sys
from collections.abc import Mapping
from typing import Final

from deploy.bundle.imports import Missing

MACHINES: Final[Mapping[str, int]] = {"x86_64": 62, "aarch64": 183}
"""Processors as ELF numbers them (``e_machine``), by their names in the tags of wheels."""

_MAGIC: Final = b"\x7fELF"
_MACHINE: Final = slice(18, 20)
_CPYTHON: Final = "cpython-"


def check(files: Mapping[str, bytes], machine: str) -> None:
    """Look at all files that are compiled.

    Raises:
        Missing: one is for another processor, for another Python, or for no Linux at all; or the machine is unknown.
    """
    if machine not in MACHINES:
        raise Missing(f"nobody knows what is compiled for {machine}: {' and '.join(MACHINES)} are known")
    for name in sorted(name for name in files if name.endswith(".so")):
        data = files[name]
        if not data.startswith(_MAGIC) or int.from_bytes(data[_MACHINE], "little") != MACHINES[machine]:
            raise Missing(f"{name} is not compiled for {machine}: the packages are another machine's")
        tag = name.rpartition("/")[2].split(".")[1]
        version = "-".join(tag.split("-")[:2])
        if tag.startswith(_CPYTHON) and version != sys.implementation.cache_tag:
            raise Missing(f"{name} is compiled for {version}, the bytecode for {sys.implementation.cache_tag}")
