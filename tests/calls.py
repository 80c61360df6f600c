"""Calling the command line in the process of the tests."""

from pathlib import Path

import attrs
import pytest

from paddock.entrypoints.cli.app import main
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places


@attrs.frozen
class Said:
    """What a call came to."""

    code: int
    out: str
    err: str


@attrs.frozen
class Caller:
    """Calls the command line in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Said:
        """Run it; no call may ever show a traceback."""
        code = main(words)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)


def empty_state(below: Path) -> Path:
    """The state directory of a fleet that has done nothing yet."""
    places = Places(below / "state")
    places.make()
    open_state(places).close()
    return places.root
