"""A bundle's files, from their places in the repository and where others' packages are installed."""

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.bundle import compiled, models
from deploy.bundle.archive import with_bytecode
from deploy.bundle.contents import BOXES, DATA, OWN_DATA, Bundle
from deploy.bundle.imports import Finder, Missing, Module
from deploy.bundle.licences import licences


def build(bundle: Bundle, site: Path, boxes: Sequence[Path] = BOXES, machine: str = "") -> dict[str, bytes]:
    """Everything that is to be in the archive, by name.

    Args:
        bundle: which one.
        site: the directory in which the others' packages are installed.
        boxes: the directories with ours.
        machine: the processor that it is for, as `compiled.MACHINES` has it; without one, that of this machine.

    Raises:
        Missing: a module or a file is not there, or may not be in the bundle, or cannot be loaded there.
    """
    modules = Finder(bundle, boxes, site).modules
    found = {module.place: module.file.read_bytes() for module in modules}
    compiled.check(found, machine or platform.machine())
    own = [module for module in modules if module.is_own]
    found.update(_own_data(own))
    for name in sorted({module.name for module in modules} & set(DATA)):
        found.update((path.relative_to(site).as_posix(), path.read_bytes()) for path in _data(site / name, DATA[name]))
    if any(module.name == "botocore" for module in modules):
        found.update(models.files(own, site))
    found.update(licences(sorted({module.top for module in modules if not module.is_own}), site))
    return with_bytecode(found)


def _data(folder: Path, pattern: str) -> list[Path]:
    """Those files, of which there must be one."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file() and path.suffix not in (".py", ".pyc"))
    if not found:
        raise Missing(f"{folder} has no file {pattern}")
    return found


def _own_data(modules: Sequence[Module]) -> Iterator[tuple[str, bytes]]:
    """The schemas and the catalogue of metrics lie beside the module that reads them."""
    for module in modules:
        if module.name in OWN_DATA:
            for path in _data(module.file.parent, OWN_DATA[module.name]):
                yield f"{Path(module.place).parent.as_posix()}/{path.name}", path.read_bytes()
        elif b"importlib.resources" in module.file.read_bytes():
            raise Missing(f"{module.name} reads files that lie beside a module, and OWN_DATA in contents.py has none")
