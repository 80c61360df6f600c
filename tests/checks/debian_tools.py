"""See that the tools are here that come from Debian's or Ubuntu's packages; fetch what is missing.

A script::

    python tests/checks/debian_tools.py build/debian

``systemd-analyze`` is installed if it is missing (as root). Of cloud-init the schema alone is taken, out of its
package: a cloud-init that is installed would want to rule the machine.
Ends with 1, and says why, if something cannot be had.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

SCHEMA = "schema-cloud-config-v1.json"
PATIENCE = 300  # seconds for one command


def main() -> int:
    """0 if everything is here."""
    home = Path(sys.argv[1]).resolve()
    home.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        if shutil.which("systemd-analyze") is None:
            fresh("install", "--yes", "--no-install-recommends", "systemd")
        if not (home / SCHEMA).is_file():
            take_schema(home)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        print(f"debian_tools: needs systemd-analyze and the package cloud-init: {error}\n{said}", file=sys.stderr)
        return 1
    print(f"debian_tools: all there after {time.monotonic() - start:.1f} s")
    return 0


def take_schema(home: Path) -> None:
    """The schema out of the package, which is not installed."""
    fresh("download", "cloud-init", folder=home)
    package = max(home.glob("cloud-init*.deb"), key=lambda path: path.stat().st_mtime)
    run("dpkg-deb", "--extract", str(package), str(home / "cloud-init"))
    found = next((home / "cloud-init").rglob(SCHEMA), None)
    if found is None:
        raise FileNotFoundError(f"{package.name} holds no {SCHEMA}")
    shutil.copy(found, home / SCHEMA)


def fresh(*words: str, folder: Path | None = None) -> None:
    """Run apt-get; once more after an update if it knows no such package yet."""
    try:
        run("apt-get", "-q", *words, folder=folder)
    except subprocess.CalledProcessError:
        run("apt-get", "-q", "update")
        run("apt-get", "-q", *words, folder=folder)


def run(*words: str, folder: Path | None = None) -> None:
    """One command, quiet unless it fails."""
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
