"""Building what a stack runs, by the checkout's own sessions of nox."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from paddock.core.errors import InvalidInput, Rejected
from paddock.entrypoints.aws_stack.packages import SESSIONS


def make_packages(checkout: Path) -> None:
    """Run the sessions; what they say goes where ours does.

    Raises:
        InvalidInput: this is no checkout, or nox is not installed.
        Rejected: a session failed.
    """
    if not (checkout / "deploy" / "bundle").is_dir():
        raise InvalidInput("directory", str(checkout), "must be a checkout of Paddock, which has deploy/bundle")
    if importlib.util.find_spec("nox") is None:
        raise InvalidInput("nox", "not installed", "must be there to build: pip install 'nox[uv]'")
    done = subprocess.run([sys.executable, "-m", "nox", "-s", *SESSIONS], cwd=checkout, check=False)  # noqa: S603
    if done.returncode != 0:
        raise Rejected(f"nox -s {' '.join(SESSIONS)} failed with {done.returncode}: see above")
