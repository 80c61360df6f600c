"""What a stack is given to run: the functions' two bundles and the agent's single file, built from a checkout."""

import hashlib
from pathlib import Path
from typing import Final

import attrs

from paddock.core.errors import InvalidInput

BUILD: Final = Path("build")
FILES: Final = ("paddock-webhook.zip", "paddock-functions.zip", "paddock-agent.pyz")
SESSIONS: Final = ("bundle", "zipapp")
"""The sessions of nox that build them."""


@attrs.frozen
class Package:
    """A file that is uploaded, named by its content."""

    path: Path
    size: int
    sha256: str

    @property
    def key(self) -> str:
        """Where it lies in the deployment bucket: another place for other content, so that nothing is overwritten."""
        return f"bundles/{self.sha256}/{self.path.name}"


def package(path: Path) -> Package:
    """A file, with its digest.

    Raises:
        InvalidInput: it is not there.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidInput(
            "--build", str(path), "is not there: `paddock stack package` builds it, in a checkout"
        ) from None
    return Package(path, len(data), hashlib.sha256(data).hexdigest())


def packages(build: Path = BUILD) -> dict[str, Package]:
    """The three files by name.

    Raises:
        InvalidInput: one is not there.
    """
    return {name: package(build / name) for name in FILES}
