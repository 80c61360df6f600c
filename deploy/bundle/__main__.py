"""Make the bundles: ``build/paddock-webhook.zip`` and ``build/paddock-functions.zip``.

The same sources, the same packages and the same Python give the same bytes, so that a digest names what runs.
"""

import argparse
import hashlib
import sys
import sysconfig
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from deploy.bundle.archive import archive
from deploy.bundle.build import build
from deploy.bundle.contents import BUNDLES, OWN, ROOT

LARGEST = 10


def main() -> int:
    """Build them, and say what was built."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bundle", description="make the functions' bundles")
    site = Path(sysconfig.get_path("purelib"))
    parser.add_argument("--site", type=Path, default=site, help="where the packages of others are installed")
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="the directory for the archives")
    options = parser.parse_args()
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    for bundle in BUNDLES:
        files = build(bundle, options.site)
        data = archive(files)
        (output / bundle.file).write_bytes(data)
        sys.stdout.write(f"{output / bundle.file}\n")
        sys.stdout.write(f"{len(data)} bytes, {_size(files)} unpacked, bytecode of {sys.implementation.cache_tag}\n")
        sys.stdout.write(f"sha256 {hashlib.sha256(data).hexdigest()}\n{_table(files)}\n")
    return 0


def _table(files: Mapping[str, bytes]) -> str:
    """The largest parts, with their bytes as they would be in an archive of their own and unpacked."""
    parts: dict[str, dict[str, bytes]] = {}
    for name, data in files.items():
        parts.setdefault(_part(name), {})[name] = data
    sizes = Counter({part: len(archive(each)) for part, each in parts.items()})
    lines = [f"{'part':<32}{'zipped':>12}{'unpacked':>12}"]
    lines += [f"{part:<32}{size:>12}{_size(parts[part]):>12}" for part, size in sizes.most_common(LARGEST)]
    return "\n".join(lines) + "\n"


def _part(name: str) -> str:
    """A package, or one of ours."""
    first, *rest = name.split("/")
    return f"{first}.{rest[0]}" if first == OWN and rest else first


def _size(files: Mapping[str, bytes]) -> int:
    return sum(map(len, files.values()))


if __name__ == "__main__":
    sys.exit(main())
