"""An assignment as the body of its machine's item: packed, for an item is paid for by the kilobyte.

The shape is told in ``paddock.agent.aws.body``, which reads it. Four fifths of an assignment are its just-in-time
configuration, the base64 of a JSON object whose values are base64, too; deflating can undo the alphabet of one base64,
but not what a second one over it does to it. So it is taken apart first, where that can be undone. Most of it is then
a key of RSA, of which the two primes tell the rest; and most of what is left is in all orders alike.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Final

import attrs

from paddock.adapters.aws.dynamodb.jit_key import key_in
from paddock.contracts.assignment_body import DICTIONARY, SHAPE
from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment

_LEVEL: Final = 9
# A JSON text's value that may be base64; short ones are not worth a part of their own.
_BASE64: Final = re.compile(rb'(?<=")((?:[A-Za-z0-9+/]{4}){10,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)(?=")')


def packed(assignment: Assignment) -> bytes:
    """The body. The agent gets out of it what `message_to_data` makes of the assignment, to the letter."""
    parts = list(_parts(assignment.jit_config))
    data = message_to_data(assignment)
    if parts:
        data["jit_config"] = ""
        for number, key in enumerate(map(key_in, parts)):
            if key is not None and number % 2:
                parts[number] = key.part
                data["jit_key"] = [number, *attrs.astuple(key)[1:]]
                break
        data["jit_parts"] = [len(part) for part in parts]
    text = json.dumps(data, separators=(",", ":"))  # ASCII on one line
    deflater = zlib.compressobj(_LEVEL, zdict=DICTIONARY)
    return bytes([SHAPE]) + deflater.compress(b"\n".join((text.encode(), b"".join(parts)))) + deflater.flush()


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
