"""The functions' bundles for the Python that runs the tests, unpacked as Lambda unpacks them, and run by it alone."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import attrs

from deploy.bundle.archive import archive
from deploy.bundle.build import build
from deploy.bundle.contents import Bundle
from deploy.bundle.imports import Finder, Module

SITE = Path(sysconfig.get_path("purelib"))
FUNCTIONS = "paddock.entrypoints.aws_lambda"

_RUNTIME = """
import importlib, json, sys, types
sys.path.insert(0, sys.argv[1])
handler = importlib.import_module(sys.argv[2]).handler
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    context = types.SimpleNamespace(aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    answers.write(json.dumps(handler(json.loads(line), context)) + "\\n")
    answers.flush()
"""
"""What Lambda's runtime does, told an event a line; what the function logs goes to standard error."""


@attrs.frozen
class Made:
    """A bundle. ``folder`` holds what is in ``file``, with nothing beside it."""

    bundle: Bundle
    file: Path
    folder: Path

    @property
    def names(self) -> list[str]:
        """What is in it."""
        with zipfile.ZipFile(self.file) as opened:
            return opened.namelist()

    def importing(self, module: str) -> str:
        """The code of an interpreter that imports one of its functions."""
        return f"import sys; sys.path.insert(0, {str(self.folder)!r}); import {FUNCTIONS}.{module}"


def modules_of(bundle: Bundle) -> list[Module]:
    """Our own modules in it."""
    from deploy.bundle.contents import BOXES, OWN  # noqa: PLC0415

    return [each for each in Finder(bundle, BOXES, SITE).modules if each.name.startswith(f"{OWN}.")]


def make(bundle: Bundle, folder: Path) -> Made:
    """Build it below the folder."""
    made = Made(bundle, folder / bundle.file, folder / bundle.name)
    made.file.write_bytes(archive(build(bundle, SITE)))
    with zipfile.ZipFile(made.file) as opened:
        opened.extractall(made.folder)
    return made


@attrs.frozen
class Function:
    """A function in a process of its own, which sees its bundle and Python's own library, and nothing else."""

    _process: "subprocess.Popen[str]"

    def __call__(self, event: Mapping[str, Any], context: object = None) -> Any:  # noqa: ANN401, ARG002 - as handlers are called
        """Its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the function failed; what it said is above"
        return json.loads(line)


@contextmanager
def running(made: Made, module: str) -> Iterator[Function]:
    """One of its functions, started in this environment."""
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", _RUNTIME, str(made.folder), f"{FUNCTIONS}.{module}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, text=True, env=dict(os.environ)
    ) as process:
        yield Function(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@contextmanager
def standing_in(module: ModuleType, function: Function) -> Iterator[None]:
    """The function is called for the module's own handler."""
    with patch.object(module, "handler", function):
        yield
