"""Calling the command line in the process of the tests."""

import attrs
import pytest

from paddock.entrypoints.cli.app import main


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
