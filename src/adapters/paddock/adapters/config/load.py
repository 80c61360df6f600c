"""From a path to a `Config`, or to everything that is wrong with the file."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from paddock.adapters.config.build import Builder
from paddock.adapters.config.placeholders import placeholders
from paddock.adapters.config.problems import TOP, InvalidConfig, Problem
from paddock.adapters.config.problems import Path as TreePath
from paddock.adapters.config.tree import Tree, Unreadable, parse
from paddock.adapters.config.upgrade import upgraded
from paddock.adapters.config.values import Config
from paddock.contracts import schema_text


def load(path: str | os.PathLike[str], seal: str = "") -> Config:
    """The configuration in the file. Secrets are not looked at: `SecretRef.read` does that, when they are needed.

    `seal` is that of a configuration that was loaded before: if it is this file's, its shape is not looked at again.

    Raises:
        InvalidConfig: it cannot be read or used; the error carries every problem.
    """
    config, problems = _read(Path(path), None, seal=seal)
    if config is None:
        raise InvalidConfig(problems)
    return config


def validate(
    path: str | os.PathLike[str], environ: Mapping[str, str] | None = None, *, finished: bool = False
) -> list[Problem]:
    """Everything that is wrong with the file, by line; empty if it can be used.

    With `environ`, also whether each secret is where the file says. `finished`: also what still stands there as the
    shipped example has it, though no two fleets have it alike.
    """
    return _read(Path(path), environ, finished=finished)[1]


def _read(
    path: Path, environ: Mapping[str, str] | None, *, finished: bool = False, seal: str = ""
) -> tuple[Config | None, list[Problem]]:
    """The configuration if it has no problem at all, and its problems."""
    name = str(path)
    try:
        content = _content(path)
        text = _text(content)
    except _NoText as error:
        return None, [Problem(name, TOP.line, TOP.column, "", "", str(error))]
    try:
        read = parse(text, name)
        tree = upgraded(read)
    except Unreadable as error:
        return None, [error.problem]
    if isinstance(tree, Problem):
        return None, [tree]
    # A seal says nothing of what another version was turned into.
    own = _seal(content) if tree is read else ""
    builder = Builder(tree, path, [] if own and seal == own else _breaches(tree))
    config = builder.config(environ)
    found = [*builder.problems, *(placeholders(tree) if finished else ())]
    problems = sorted(found, key=lambda problem: (problem.line, problem.column, problem.field))
    return (None if problems or config is None else attrs.evolve(config, seal=own)), problems


class _NoText(Exception):  # noqa: N818 - it never leaves this module
    """The file has no text to read."""


def _seal(content: bytes) -> str:
    return hashlib.sha256(schema_text("config").encode() + b"\0" + content).hexdigest()


def _breaches(tree: Tree) -> list[tuple[TreePath, Problem]]:
    from paddock.adapters.config.shape import breaches  # noqa: PLC0415 - a sealed file does without jsonschema

    return breaches(tree)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _NoText("there is no such file: `paddock config example` prints one to start from") from None
    except IsADirectoryError:
        raise _NoText("is a folder: name the file in it") from None
    except (OSError, ValueError) as error:
        raise _NoText(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _NoText(f"is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from None
