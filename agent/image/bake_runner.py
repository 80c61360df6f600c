#!/usr/bin/env python3
"""Put the official runner into an image: fetched, its digest vouched for by two places, unpacked, and a note of it.

The places are the release's own record (``digest`` of the asset), the markers in the release notes, and what the caller
knows. Two must say the same and none another; the bytes are then held to that.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RELEASE = "https://api.github.com/repos/actions/runner/releases/tags/v{version}"
PACKAGE = "https://github.com/actions/runner/releases/download/v{version}/{file}"
SHA256 = re.compile(r"[0-9a-f]{64}")
NOTE = "paddock-runner.json"


def main() -> int:
    """0 once the runner lies there, verified."""
    parser = argparse.ArgumentParser(description="bake the official runner into an image")
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", required=True, choices=["x64", "arm64"])
    parser.add_argument("--sha256", default="", help="the digest as you know it")
    parser.add_argument("--directory", type=Path, required=True)
    options = parser.parse_args()
    platform = f"linux-{options.arch}"
    file = f"actions-runner-{platform}-{options.version}.tar.gz"
    try:
        release = json.loads(fetch(RELEASE.format(version=options.version)))
        digest = agreed({"given": options.sha256.lower(), **published(release, file, platform)})
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder, file)
            download(PACKAGE.format(version=options.version, file=file), package, digest)
            unpack(package, options.directory)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"bake_runner: {error}\n")
        return 1
    note = {
        "version": options.version,
        "platform": platform,
        "sha256": digest,
        "verified_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    (options.directory / NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{file} {digest}\n")
    return 0


def published(release: Mapping[str, Any], file: str, platform: str) -> dict[str, str]:
    """What the release says of the file's digest, by place; empty where it says nothing."""
    asset: Mapping[str, Any] = next((asset for asset in release.get("assets") or () if asset.get("name") == file), {})
    notes = re.findall(
        rf"<!-- BEGIN SHA {re.escape(platform)} -->(.*?)<!-- END SHA", release.get("body") or "", re.DOTALL
    )
    return {
        "asset": str(asset.get("digest") or "").removeprefix("sha256:"),
        "notes": notes[0].strip() if notes else "",
    }


def agreed(digests: Mapping[str, str]) -> str:
    """The digest that at least two places vouch for.

    Raises:
        ValueError: fewer do, two differ, or one is none.
    """
    told = {place: digest for place, digest in digests.items() if digest}
    if bad := [place for place, digest in told.items() if not SHA256.fullmatch(digest)]:
        raise ValueError(f"digest of {bad[0]}: found {told[bad[0]][:80]!r}, wanted 64 hexadecimal digits")
    if len(set(told.values())) > 1:
        raise ValueError(f"the places disagree: {told}")
    if len(told) < 2:  # noqa: PLR2004 - two places, see above
        raise ValueError(f"only {len(told)} place vouches for the package, wanted two: give --sha256")
    return next(iter(told.values()))


def fetch(address: str) -> bytes:
    """A small document."""
    request = urllib.request.Request(address, headers={"User-Agent": "paddock-image"})  # noqa: S310 - https, see above
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
        data: bytes = reply.read(8 << 20)
    return data


def download(address: str, file: Path, digest: str) -> None:
    """Fetch into a file.

    Raises:
        ValueError: it is not the file with this SHA-256.
    """
    request = urllib.request.Request(address, headers={"User-Agent": "paddock-image"})  # noqa: S310 - https, see above
    with urllib.request.urlopen(request, timeout=60) as reply, file.open("wb") as part:  # noqa: S310 - as above
        shutil.copyfileobj(reply, part, 1 << 20)
    with file.open("rb") as part:
        found = hashlib.file_digest(part, "sha256").hexdigest()
    if found != digest:
        raise ValueError(f"{file.name}: its SHA-256 is {found}, wanted {digest}")


def unpack(package: Path, directory: Path) -> None:
    """Unpack anew; what was there is gone."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    subprocess.run(  # noqa: S603 - fixed words, our own paths
        ["tar", "-xzf", str(package), "-C", str(directory), "--no-same-owner", "--no-same-permissions"],  # noqa: S607 - the system's
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
