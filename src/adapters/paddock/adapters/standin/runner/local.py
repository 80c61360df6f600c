# ruff: noqa: PTH107, PTH110, PTH118, PTH123 - pathlib slows the start
"""What the Listener does with its own directory: options, `.env`, the three configuration files."""

import base64
import contextlib
import json
import os
from collections.abc import Mapping

from paddock.adapters.standin.runner.common import CONFIGURATION, ROOT, Json, complain, say

INPUT_PREFIX = "ACTIONS_RUNNER_INPUT_"
_VALUED = frozenset({"--jitconfig", "--url", "--token", "--pat", "--name", "--labels", "--work", "--runnergroup"})
_FLAGS = frozenset({"--unattended", "--ephemeral", "--disableupdate", "--replace", "--no-default-labels", "--once"})


def options_of(arguments: list[str]) -> tuple[str, dict[str, str]]:
    """The command and its options, from the command line and from the environment, which loses them."""
    command, options, rest = "run", {}, iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            command = argument
        elif argument in _VALUED:
            options[argument[2:]] = next(rest, "")
        elif argument in _FLAGS:
            options[argument[2:]] = "true"
        else:
            complain(f"Unrecognized command-line input arguments: '{argument[2:]}'. For usage refer to: --help")
    for name in [name for name in os.environ if name.upper().startswith(INPUT_PREFIX)]:
        options.setdefault(name[len(INPUT_PREFIX) :].lower(), os.environ.pop(name))
    return command, options


def load_env() -> None:
    """Take the variables of the `.env` file into the environment."""
    with contextlib.suppress(FileNotFoundError), open(os.path.join(ROOT, ".env"), encoding="utf-8") as file:
        for line in file:
            name, separator, value = line.rstrip("\n").partition("=")
            if separator:
                os.environ[name] = value


def read(name: str) -> Json:
    """A configuration file.

    Raises:
        OSError, ValueError: it is missing, or not JSON.
    """
    with open(os.path.join(ROOT, name), encoding="utf-8-sig") as file:
        content: Json = json.load(file)
        return content


def unpack(encoded: str, changes: Mapping[str, str] | None = None) -> None:
    """Write the files of a JIT configuration, `.runner` with some changes.

    Raises:
        OSError, ValueError: it is malformed, or a file cannot be written.
    """
    for name, content in json.loads(base64.b64decode(encoded, validate=True)).items():
        data = base64.b64decode(content, validate=True)
        if name == ".runner" and changes is not None:
            data = json.dumps({**json.loads(data), **changes}).encode("utf-8-sig")  # .NET writes a BOM
        descriptor = os.open(os.path.join(ROOT, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def forget() -> None:
    """Remove the configuration, and say so."""
    for name in reversed(CONFIGURATION):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(ROOT, name))
            if name != ".credentials_rsaparams":
                say(f"√ Removed {name}")


def configured() -> bool:
    """True if the runner has a registration."""
    return os.path.exists(os.path.join(ROOT, ".runner"))
