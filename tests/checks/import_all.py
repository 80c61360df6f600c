"""Import every module of some packages in this interpreter, and see that nothing uninvited came with them.

A script, so that it can be run with ``python -I`` in an environment that holds almost nothing::

    python -I tests/checks/import_all.py paddock.core --from=src/core --from=contracts --allow=attrs --allow=cattrs

Ends with 1 if a module cannot be imported, or if one was loaded from a distribution that was not allowed.
"""

import argparse
import importlib
import importlib.metadata
import pkgutil
import sys
from pathlib import Path


def main() -> int:
    """The status: 0 if all is well."""
    parser = argparse.ArgumentParser(description="import every module of some packages")
    parser.add_argument("packages", nargs="+", help="dotted names")
    parser.add_argument("--except", dest="left_out", action="append", default=[], help="a package to leave out")
    parser.add_argument("--from", dest="roots", action="append", default=[], help="a folder to import from")
    parser.add_argument("--allow", action="append", default=[], help="a distribution that may be loaded, with its own")
    parser.add_argument("--allow-any", action="store_true", help="anything may be loaded")
    options = parser.parse_args()
    sys.path[:0] = [str(Path(root).resolve()) for root in options.roots]
    before = set(sys.modules)
    left_out = tuple(options.left_out)
    found = [name for package in options.packages for name in modules(package)]
    names = [name for name in found if not any(name == out or name.startswith(out + ".") for out in left_out)]
    failed = [f"{name}: {type(error).__name__}: {error}" for name in names if (error := attempt(name)) is not None]
    allowed = closure(options.allow)
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    foreign = set() if options.allow_any else loaded - set(sys.stdlib_module_names) - allowed - {"paddock"}
    for line in failed:
        print(f"cannot import {line}")
    for name in sorted(foreign):
        print(f"loaded, but not allowed: {name}")
    print(f"{len(names) - len(failed)} of {len(names)} modules imported from {', '.join(options.packages)}")
    return 1 if failed or foreign or len(names) < len(options.packages) else 0


def modules(package: str) -> list[str]:
    """The names of the package and of everything in it. A ``__main__`` would run, so it is left out."""
    found = importlib.import_module(package)
    inner = [module.name for module in pkgutil.walk_packages(found.__path__, package + ".")]
    return [package, *(name for name in inner if not name.endswith(".__main__"))]


def attempt(name: str) -> BaseException | None:
    """What stands in the way of importing the module, if anything."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - a module that ends the interpreter fails the check, too
        return error
    return None


def closure(distributions: list[str]) -> set[str]:
    """The top-level modules of these distributions and of whatever they require and have installed."""
    tops: set[str] = set()
    waiting, seen = list(distributions), set()
    by_distribution: dict[str, set[str]] = {}
    for top, owners in importlib.metadata.packages_distributions().items():
        for owner in owners:
            by_distribution.setdefault(owner.casefold().replace("_", "-"), set()).add(top)
    while waiting:
        name = waiting.pop().casefold().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        tops |= by_distribution.get(name, set())
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for requirement in requires:
            bare = requirement.split(";")[0]
            waiting.append("".join(c if c.isalnum() or c in "-_." else " " for c in bare).split()[0])
    return tops


if __name__ == "__main__":
    sys.exit(main())
