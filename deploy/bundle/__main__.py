"""Make the bundles: ``build/paddock-webhook.zip`` and ``build/paddock-functions.zip``.

The same sources, the same packages and the same Python give the same bytes, so that a digest names what runs. Ends with
1 and says why if a bundle cannot be made; then neither file is written.
"""

import argparse
import hashlib
import platform
import sys
import sysconfig
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.bundle.archive import archive
from deploy.bundle.build import build
from deploy.bundle.compiled import MACHINES
from deploy.bundle.contents import BUNDLES, OWN, ROOT
from deploy.bundle.imports import Missing

LARGEST = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Build them, and say what was built."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bundle", description="make the functions' bundles")
    site = Path(sysconfig.get_path("purelib"))
    parser.add_argument("--site", type=Path, default=site, help="where the packages of others are installed")
    parser.add_argument("--machine", choices=MACHINES, default=platform.machine(), help="the processor they are for")
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="the directory for the archives")
    options = parser.parse_args(arguments)
    output: Path = options.output
    try:
        made = {bundle.file: archive(build(bundle, options.site, machine=options.machine)) for bundle in BUNDLES}
    except Missing as error:
        sys.stderr.write(f"no bundle was made: {error}\n")
        return 1
    output.mkdir(parents=True, exist_ok=True)
    for file, data in made.items():
        path = output / file
        path.write_bytes(data)
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
        unpacked, python = sum(entry.file_size for entry in entries), sys.implementation.cache_tag
        sys.stdout.write(f"{path}\n{len(data)} bytes, {unpacked} unpacked, bytecode of {python}, {options.machine}\n")
        sys.stdout.write(f"sha256 {hashlib.sha256(data).hexdigest()}\n{_table(entries)}\n")
    return 0


def _table(entries: list[zipfile.ZipInfo]) -> str:
    """The largest parts, by what they take up in the archive."""
    zipped: Counter[str] = Counter()
    unpacked: Counter[str] = Counter()
    for entry in entries:
        part = _part(entry.filename)
        zipped[part] += entry.compress_size
        unpacked[part] += entry.file_size
    lines = [f"{'part':<32}{'zipped':>12}{'unpacked':>12}"]
    lines += [f"{part:<32}{size:>12}{unpacked[part]:>12}" for part, size in zipped.most_common(LARGEST)]
    return "\n".join(lines) + "\n"


def _part(name: str) -> str:
    """A package, or one of ours."""
    first, *rest = name.split("/")
    return f"{first}.{rest[0]}" if first == OWN and rest else first


if __name__ == "__main__":
    sys.exit(main())
