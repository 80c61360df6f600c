"""See that Chromium and its driver are here; install Debian's where they are missing, if that can be done.

A script without arguments. Only root can install, and it gives up after some minutes. Ends with 1, and says which
command installs them, if there are none.
"""

import os
import shutil
import subprocess
import sys
import time

PROGRAMS = ("chromium", "chromedriver")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "chromium", "chromium-driver", "fonts-dejavu-core")
PATIENCE = 180  # seconds for everything


def main() -> int:
    """0 if both are here."""
    start = time.monotonic()
    why = ""
    if missing():
        try:
            why = installed(start + PATIENCE)
        except (OSError, subprocess.SubprocessError) as error:
            why = f": {error} {getattr(error, 'stderr', None) or ''}"
    if lacking := missing():
        print(f"chromium: {' and '.join(lacking)} missing; `{' '.join(INSTALL)}` installs them{why}", file=sys.stderr)
        return 1
    print(f"chromium: all there after {time.monotonic() - start:.1f} s")
    return 0


def missing() -> list[str]:
    """Those of the programs that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def installed(until: float) -> str:
    """Install both, with fresh lists if the old ones know no such package; why not, if it was not tried."""
    if os.geteuid() != 0:
        return ", as root"
    if shutil.which("apt-get") is None:
        return ", where there is apt-get"
    for words in (INSTALL, ("apt-get", "update"), INSTALL):
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            text=True,
            timeout=max(1, until - time.monotonic()),
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if not missing():
            return ""
    return f": {done.stderr.strip()}"


if __name__ == "__main__":
    sys.exit(main())
