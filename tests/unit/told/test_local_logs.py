"""The one-machine fleet's log: JSON lines in a file, text on the terminal, and a secret in neither."""

import json
import logging
from pathlib import Path

import pytest

from paddock.entrypoints.local.logs import logging_to

TOKEN = "ghs_" + "a" * 36
logger = logging.getLogger("paddock.local")


def test_the_file_has_json_lines_with_what_they_are_about(tmp_path: Path) -> None:
    """The same shape as the functions' log has."""
    with logging_to(tmp_path / "fleet.log", terminal=False):
        logger.info("it serves", extra={"facts": {"port": 8080}})
    (line,) = (json.loads(text) for text in (tmp_path / "fleet.log").read_text().splitlines())
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "paddock.local", "it serves")
    assert line["facts"] == {"port": 8080}
    assert isinstance(line["at"], int)


def test_a_secret_is_in_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a message, and not in an error that is told with it."""
    with logging_to(tmp_path / "fleet.log", terminal=True):
        try:
            int(TOKEN)
        except ValueError:
            logger.exception("with %s", TOKEN)
    shown = (tmp_path / "fleet.log").read_text() + capsys.readouterr().err
    assert TOKEN not in shown
    assert shown.count("[secret]") == 4
