"""A file that was checked, and says so by its seal, is not held to the schema again by each process that reads it."""

from pathlib import Path

import pytest

from paddock.adapters.config import InvalidConfig, load
from tests.import_budgets import loaded

TEXT = """\
version: 1
github:
  webhook_secret: {env: HOOK}
  token: {env: TOKEN}
  repositories: [octo-org/*]
"""
LOAD = "from paddock.adapters.config import load; load({file!r}, {seal!r})"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is right."""
    path = tmp_path / "paddock.yml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_seal_is_the_files_own(file: Path) -> None:
    """One byte more, even in a comment, gives another one."""
    seal = load(file).seal
    assert load(file).seal == seal
    file.write_text(TEXT + "#", encoding="utf-8")
    assert load(file).seal != seal


def test_a_sealed_file_needs_no_schema(file: Path) -> None:
    """It gives the same values, and what reads schemas is not even loaded; without the seal it is."""
    config = load(file)
    assert load(file, config.seal) == config
    assert "jsonschema" not in loaded(LOAD.format(file=str(file), seal=config.seal))
    assert "jsonschema" in loaded(LOAD.format(file=str(file), seal="0" * 64))


@pytest.mark.parametrize("found", ["before", ""])
def test_another_seal_vouches_for_nothing(file: Path, found: str) -> None:
    """A file that was changed since is checked like any other."""
    seal = load(file).seal if found else ""
    file.write_text(TEXT + "limitz: {}\n", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="limitz"):
        load(file, seal)


def test_a_draft_has_no_seal(file: Path) -> None:
    """It was turned into the version of today before it was checked, and may be turned into another one tomorrow."""
    draft = TEXT.replace("version: 1\n", "").replace("repositories", "allow")
    file.write_text(draft, encoding="utf-8")
    assert load(file).seal == ""
    file.write_text(f"{draft}limitz: {{}}\n", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="limitz"):
        load(file, "")
