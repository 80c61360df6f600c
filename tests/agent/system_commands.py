"""Commands of a Linux system that only note that they were called, so that scripts for machines can be run anywhere."""

import os
import subprocess
from pathlib import Path

SYSTEMCTL = """\
case "$1" in
is-system-running) if [ -e "$HERE/off" ]; then echo stopping; exit 1; else echo running; exit 0; fi ;;
is-active) cat "$HERE/agent" 2>/dev/null; exit 0 ;;
esac
echo "systemctl $*" >> "$HERE/calls"
case " $(cat "$HERE/refuses" 2>/dev/null) " in *" ${2:-mild} "*) exit 1 ;; esac
[ "$1" = poweroff ] && [ ! -e "$HERE/deaf" ] && touch "$HERE/off"
exit 0
"""
HARMLESS = ("cat", "touch", "sh", "env", "dirname", "install", "mkdir", "mv", "rm", "chmod", "timeout")
"""Commands of this system that scripts may use as they are."""


class SystemCommands:
    """A folder that is the whole PATH of a script: nothing of the system it runs on can be reached by name.

    ``off`` exists once the machine was told to go off; ``refuses`` holds the ways that systemctl does not accept
    (``mild``, ``--force``), ``agent`` what it says of the agent's unit; ``deaf`` makes it accept and do nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in HARMLESS:
            (folder / name).symlink_to(
                next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())
            )
        self.add("systemctl", SYSTEMCTL)
        self.add("sleep", 'echo "sleep $*" >> "$HERE/calls"')
        self.add("sync", "exit 0")

    def add(self, name: str, script: str) -> None:
        """One more command."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nHERE={self.folder}\n{script}\n")
        path.chmod(0o755)

    def tell(self, name: str, text: str = "") -> None:
        """Set one of the files above."""
        (self.folder / name).write_text(text)

    @property
    def calls(self) -> list[str]:
        """What was called, in order; questions are left out."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        """For a process that shall reach these and nothing else. The kernel's key is a file here."""
        return {
            "PATH": str(self.folder),
            "PADDOCK_SYSRQ": str(self.folder / "sysrq"),
            "PADDOCK_ROOT": str(self.folder.parent / "root"),
        }

    def run(self, script: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of our scripts."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return subprocess.run(
            ["/bin/sh", str(script), *words],
            env={**measured, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
