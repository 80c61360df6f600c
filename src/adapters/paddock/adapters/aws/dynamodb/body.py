"""An assignment as the body of its machine's item: packed, for an item is paid for by the kilobyte.

The shape is told in ``paddock.agent.aws.body``, which reads it. Four fifths of an assignment are its just-in-time
configuration, the base64 of a JSON object whose values are base64, too; deflating can undo the alphabet of one base64,
but not what a second one over it does to it. So it is taken apart first, where that can be undone.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Final

import attrs

from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment

SHAPE: Final = 1
_LEVEL: Final = 9
# A JSON text's value that may be base64; short ones are not worth a part of their own.
_BASE64: Final = re.compile(rb'(?<=")((?:[A-Za-z0-9+/]{4}){10,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)(?=")')


def packed(assignment: Assignment) -> bytes:
    """The body. The agent gets out of it what `message_to_data` makes of the assignment, to the letter."""
    parts = _parts(assignment.jit_config)
    if not parts:
        data = message_to_data(assignment)
    else:
        lengths = [len(part) for part in parts]
        data = {**message_to_data(attrs.evolve(assignment, jit_config="")), "jit_parts": lengths}
    text = json.dumps(data, separators=(",", ":"))  # ASCII on one line
    return bytes([SHAPE]) + zlib.compress(b"\n".join((text.encode(), b"".join(parts))), _LEVEL)


def _parts(jit_config: str) -> Sequence[bytes]:
    """What the configuration is made of; nothing if that does not make it again to the letter."""
    try:
        whole = base64.b64decode(jit_config, validate=True)
    except ValueError:
        return ()
    pieces = [base64.b64decode(piece) if number % 2 else piece for number, piece in enumerate(_BASE64.split(whole))]
    return next((parts for parts in (pieces, [whole]) if whole and _joined(parts) == jit_config), ())


def _joined(parts: Sequence[bytes]) -> str:
    inner = (base64.b64encode(part) if number % 2 else part for number, part in enumerate(parts))
    return base64.b64encode(b"".join(inner)).decode()
