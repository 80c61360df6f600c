"""A bundle's files, from their places in the repository and where others' packages are installed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.bundle import models
from deploy.bundle.archive import with_bytecode
from deploy.bundle.contents import BOXES, DATA, OWN, Bundle
from deploy.bundle.imports import Finder, Module


def build(bundle: Bundle, site: Path, boxes: Sequence[Path] = BOXES) -> dict[str, bytes]:
    """Everything that is to be in the archive, by name.

    Args:
        bundle: which one.
        site: the directory in which the others' packages are installed.
        boxes: the directories with ours.

    Raises:
        Missing: a module is not there, or may not be in the bundle.
    """
    modules = Finder(bundle, boxes, site).modules
    found = {module.place: module.file.read_bytes() for module in modules}
    own = [module for module in modules if module.name.partition(".")[0] == OWN]
    found.update(_own_data(own))
    for name in sorted({module.name for module in modules} & set(DATA)):
        found.update((path.relative_to(site).as_posix(), path.read_bytes()) for path in _data(site / name, DATA[name]))
    if any(module.name == "botocore" for module in modules):
        found.update(models.files(own, site))
    return with_bytecode(found)


def _data(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and path.suffix not in (".py", ".pyc"))


def _own_data(modules: Sequence[Module]) -> Iterator[tuple[str, bytes]]:
    """The schemas and the catalogue of metrics lie beside the module that reads them."""
    for module in modules:
        if module.is_package:
            for path in _data(module.file.parent, "*.json"):
                yield f"{Path(module.place).parent.as_posix()}/{path.name}", path.read_bytes()
