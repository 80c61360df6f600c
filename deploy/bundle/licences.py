"""The licences of what others wrote. Nearly all of them ask for one thing: that their text comes along."""

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from deploy.bundle.contents import OWN, ROOT
from deploy.bundle.imports import Missing

PLACE: Final = "licenses"
_NAMES: Final = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def licences(packages: Iterable[str], site: Path) -> Iterator[tuple[str, bytes]]:
    """The files below `PLACE`, in a folder for each distribution, and ours.

    Args:
        packages: names of packages and modules at the top that are in the bundle.
        site: where they are installed.

    Raises:
        Missing: nothing says what a package belongs to, or its distribution has no licence's text.
    """
    yield f"{PLACE}/{OWN}/LICENSE", (ROOT / "LICENSE").read_bytes()
    owners = _owners(site)
    wanted: set[str] = set()
    for package in packages:
        if package not in owners:
            raise Missing(f"{package} belongs to no distribution in {site}, so its licence is not known")
        wanted.update(owners[package])
    for folder in sorted(wanted):
        texts = sorted(path for path in (site / folder).rglob("*") if path.is_file() and _is_licence(path))
        if not texts:
            raise Missing(f"{site / folder} has no licence's text, and the bundle must not go without it")
        for path in texts:
            name = path.relative_to(site / folder).as_posix().removeprefix("licenses/")
            yield f"{PLACE}/{folder.removesuffix('.dist-info')}/{name}", path.read_bytes()


def _is_licence(path: Path) -> bool:
    return path.parent.name == "licenses" or path.name.upper().startswith(_NAMES)


def _owners(site: Path) -> Mapping[str, set[str]]:
    """The folders with a distribution's metadata, by the names at the top that it has installed."""
    owners: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions(path=[str(site)]):
        files = distribution.files or []
        folders = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
        for top in {file.parts[0].partition(".")[0] for file in files} - {""}:
            owners.setdefault(top, set()).update(folders)
    return owners
