"""What was left of the shipped example is found before GitHub refuses it."""

from pathlib import Path

import pytest

from paddock.adapters.config import validate
from paddock.contracts import example_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file that does not exist yet."""
    return tmp_path / "paddock.yml"


def fields(file: Path, text: str) -> list[str]:
    """The fields with a problem in a file of this text, secrets apart."""
    file.write_text(text, encoding="utf-8")
    return [problem.field for problem in validate(file, finished=True)]


def test_the_example_as_it_is_was_not_finished(file: Path) -> None:
    """Its App's id and its repositories are nobody's; each is named with its line and what to write instead."""
    file.write_text(example_config(), encoding="utf-8")
    problems = validate(file, finished=True)
    assert [problem.field for problem in problems] == ["github.app.id", "github.repositories[0]"]
    assert all("is the example's: write your" in problem.remedy for problem in problems)
    assert [problem.value for problem in problems] == ["123456", "'octo-org/*'"]
    assert "id: 123456" in example_config().splitlines()[problems[0].line - 1]
    assert validate(file) == []


def test_a_finished_file_has_none(file: Path) -> None:
    """Once they are replaced, nothing is left to say."""
    assert fields(file, example_config().replace("123456", "99").replace("octo-org/*", "acme/*")) == []


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("  hooks: [{target: octo-org/octo-repo, id: 42}]", "github.hooks[0].target"),
        ("  url: https://github.example.com", "github.url"),
        ("  repositories: [acme/*, Octo-Org/x]", "github.repositories[1]"),
    ],
)
def test_what_the_example_comments_out_counts_too(file: Path, line: str, field: str) -> None:
    """Whoever takes a comment in must still put in what is theirs."""
    rest = "" if "repositories" in line else "  repositories: [acme/*]\n"
    text = f"version: 1\ngithub:\n  webhook_secret: {{env: A}}\n  token: {{env: B}}\n{rest}{line}\n"
    assert fields(file, text) == [field]


@pytest.mark.parametrize("github", ["7", "[]", "{app: 7, repositories: 7, hooks: [7]}", "null"])
def test_a_file_of_another_shape_has_no_placeholders(file: Path, github: str) -> None:
    """The shape is told as wrong by others; this does not stumble over it."""
    assert not [field for field in fields(file, f"version: 1\ngithub: {github}\n") if "example" in field]
