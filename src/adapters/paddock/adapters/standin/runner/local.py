# ruff: noqa: PTH107, PTH110, PTH118, PTH123 - pathlib slows the start
"""What the Listener does with its own directory: options, `.env`, the three configuration files."""

import base64
import contextlib
import json
import os

from paddock.adapters.standin.runner.common import CONFIGURATION, ROOT, Json, Service, complain, say

INPUT_PREFIX = "ACTIONS_RUNNER_INPUT_"
EXIT_OK, EXIT_TERMINATED = 0, 1
_VALUED = frozenset({"--jitconfig", "--url", "--token", "--name", "--labels", "--work", "--runnergroup"})
_FLAGS = frozenset({"--unattended", "--ephemeral", "--disableupdate", "--replace", "--no-default-labels", "--once"})
_OK = 200


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
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        content: Json = json.load(file)
        return content


def unpack(encoded: str) -> None:
    """Write the files of a JIT configuration.

    Raises:
        OSError, ValueError: it is malformed, or a file cannot be written.
    """
    for name, content in json.loads(base64.b64decode(encoded, validate=True)).items():
        descriptor = os.open(os.path.join(ROOT, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(content, validate=True))


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


def configure(options: dict[str, str]) -> int:
    """``config.sh``: register with a token; the exit code."""
    if configured():
        complain("Cannot configure the runner because it is already configured.")
        return EXIT_TERMINATED
    scheme, _, rest = options.get("url", "").partition("://")
    host, _, scope = rest.partition("/")
    labels = [label for label in options.get("labels", "").split(",") if label]
    if "no-default-labels" not in options:
        labels = ["self-hosted", "Linux", "X64", *labels]
    body = {"scope": scope, "name": options.get("name", ""), "labels": labels, "ephemeral": "ephemeral" in options}
    try:
        status, reply = Service(f"{scheme}://{host}", "register", options.get("token", "")).call("POST", "", body)
    except (OSError, ValueError) as error:
        status, reply = 0, {"message": str(error)}
    if status != _OK:
        complain(f"An error occurred: {reply.get('message', status)}")
        return EXIT_TERMINATED
    unpack(str(reply["configuration"]))
    say("√ Runner successfully added")
    say("√ Settings Saved.")
    return EXIT_OK
