"""The agent's single file, built for tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILDER = ROOT / "agent" / "build_zipapp.py"


def build(output: Path, *options: str, seed: str = "0") -> str:
    """Build it as its nox session does; what the builder printed. ``seed`` is that of Python's hashes."""
    done = subprocess.run(
        [sys.executable, str(BUILDER), "--output", str(output), *options],
        env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
