"""The just-in-time configuration: what the Listener would write into its directory, looked at before it does.

It is base64 of a JSON object, file name to base64 of the file's bytes. The Listener writes whatever file names stand in
it, so anything but the three it needs is refused; and a configuration made for another runner is refused too.
"""

import base64
import binascii
import json

from paddock.agent.reasons import AgentFailure, Reason

FILES = frozenset({".runner", ".credentials", ".credentials_rsaparams"})


def check_jit_config(encoded: str, runner_id: int) -> None:
    """Accept the configuration, or say why not.

    Raises:
        AgentFailure: `bad_jit_config`. Its text never holds contents, only names.
    """
    try:
        files = json.loads(_decode(encoded))
    except (ValueError, RecursionError):
        raise _bad("it is not base64 of a JSON object") from None
    if not isinstance(files, dict):
        raise _bad("it is not a JSON object of file names")
    strangers = sorted(repr(name[:40]) for name in files if name not in FILES)
    if strangers:
        raise _bad(f"it would write {', '.join(strangers[:3])}; only {', '.join(sorted(FILES))} may be written")
    contents: dict[str, bytes] = {}
    for name, content in files.items():
        try:
            contents[name] = _decode(content)
        except ValueError:
            raise _bad(f"{name} is not base64") from None
    if ".runner" not in contents:
        raise _bad(".runner is missing")
    try:
        settings = json.loads(contents[".runner"].decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _bad(".runner is not JSON") from None
    agent_id = _agent_id(settings)
    if agent_id != runner_id:
        raise _bad(f"AgentId is {agent_id}, and this machine's runner is {runner_id}")


def _agent_id(settings: object) -> int | None:
    """.NET writes the id as a number and reads it from a text as well, under any spelling of the name."""
    if not isinstance(settings, dict):
        raise _bad(".runner is not a JSON object")
    found = [value for name, value in settings.items() if name.casefold() == "agentid"]
    if len(found) != 1:
        raise _bad(f".runner names AgentId {len(found)} times, wanted once")
    value = found[0]
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:20])
    return value if type(value) is int else None


def _decode(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError  # noqa: TRY004 - to the caller it is one thing: not base64
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _bad(why: str) -> AgentFailure:
    return AgentFailure(Reason.BAD_JIT_CONFIG, f"jit_config: {why}")
