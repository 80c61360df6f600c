"""Messages as the text that travels, in the words of the core's codec but without what the codec loads.

Reading a message needs the codec; writing what a webhook brings does not, and a cold start is a sixth shorter.
"""

import json
from collections.abc import Mapping

import msgspec

from paddock.core.messages import JobObserved, JobRequested, RunCompleted

VERSION = 1  # of messages, as the codec has it

_HEADS: Mapping[type, bytes] = {
    kind: f'{{"kind":"{name}","version":{VERSION},'.encode()
    for kind, name in (
        (JobRequested, "job_requested"),
        (JobObserved, "job_observed"),
        (RunCompleted, "run_completed"),
    )
}


def message_text(message: object) -> str:
    """The message as one line of JSON, of ASCII alone: SQS refuses some characters, and a job's name may hold any."""
    head = _HEADS.get(type(message))
    if head is None:
        from paddock.adapters import wire  # noqa: PLC0415 - of a kind that no webhook brings

        return wire.message_text(message)
    content = head + msgspec.json.encode(message)[1:]
    if content.isascii():
        return content.decode()
    return json.dumps(json.loads(content), separators=(",", ":"))
