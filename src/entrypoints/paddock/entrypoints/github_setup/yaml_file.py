"""An App's lines, put into paddock.yml."""

import os
from collections.abc import Mapping
from pathlib import Path

from paddock.adapters.app_setup import edited
from paddock.contracts import example_config
from paddock.core.errors import InvalidInput
from paddock.core.settings import ScopeKind
from paddock.entrypoints.github_setup.plan import GITHUB, Chosen


def check_writable(chosen: Chosen) -> None:
    """Look before anything is made whether paddock.yml can be written.

    Raises:
        InvalidInput: its folder is not there, or takes no file of ours.
    """
    folder = chosen.file.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInput(
            "--config",
            str(chosen.file),
            f"cannot be written in {folder}: make that folder, or let it be written to; or leave out --write",
        )


def written(chosen: Chosen, values: Mapping[tuple[str, ...], str], owner: str) -> bool:
    """Put the values into paddock.yml, or make one of the example; False if the file has no place for them.

    A file that is there is replaced at once and whole; all else in it stays as it is. A link to it stays a link.

    Raises:
        OSError: it cannot be written.
    """
    if chosen.config is None:
        text = edited(_begun(chosen), {**values, ("github", "repositories"): f"['{owner}/*']"})
    else:
        text = edited(chosen.file.read_bytes().decode("utf-8-sig"), values)
    if text is None:
        return False
    _replace(chosen.file, text)
    return True


def _begun(chosen: Chosen) -> str:
    """The example, on this GitHub and of this scope."""
    more = ""
    if chosen.endpoints.web != GITHUB:
        more += f"  url: {chosen.endpoints.web}\n"
    if chosen.scope is not ScopeKind.REPOSITORY:
        more += f"  scope: {chosen.scope}\n"
    return example_config().replace("\ngithub:\n", f"\ngithub:\n{more}", 1)


def _replace(file: Path, text: str) -> None:
    file = file.resolve()  # or the link would be replaced, and not what it leads to
    part = file.with_name(f".{file.name}.new")
    try:
        part.write_text(text, encoding="utf-8")
        if file.exists():
            part.chmod(file.stat().st_mode & 0o777)
        os.replace(part, file)  # noqa: PTH105 - of two files, atomically
    finally:
        part.unlink(missing_ok=True)
