"""The body of the machine's own item: its orders, a secret, as the control plane packs them.

An item is paid for by the kilobyte, and most of it would be the base64 of base64. So it is binary::

    one byte    1, the number of this shape
    the rest    zlib of:  the message ``assignment`` as JSON on one line, without its jit_config
                          LF
                          the parts of jit_config, one after the other

``jit_parts`` in that JSON are the parts' lengths. The second part, the fourth and so on are put into base64; then all
are joined, and the base64 of that is ``jit_config``. Where there are no parts, it stands in the message itself.

The shape before this one was a text: the message as JSON.
"""

import base64
import json
import zlib

from paddock.agent.reasons import AgentFailure, Reason

SHAPE = 1
LIMIT = 1 << 20  # bytes; real orders have 4,000, and an item of the table holds no more than 400 KB


def unpacked(body: str | bytes) -> object:
    """The plain data of the message, unchecked.

    Raises:
        AgentFailure: `bad_assignment`. Its text says what was found and what was wanted, and quotes nothing.
    """
    if isinstance(body, str):
        return _from_json(body)
    shape = body[0] if body else None
    if shape != SHAPE:
        raise _wrong(f"shape {shape}", f"{SHAPE} or a text: this agent is older or newer than its fleet")
    text, _, rest = _inflated(body[1:]).partition(b"\n")
    data = _from_json(text)
    if not isinstance(data, dict):
        return data
    lengths = data.pop("jit_parts", [])
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise _wrong("jit_parts of another kind", "a list of whole numbers")
    if sum(lengths) != len(rest):
        raise _wrong(f"{len(rest)} bytes after the message", f"{sum(lengths)}, by its jit_parts")
    if lengths:
        data["jit_config"] = _joined(lengths, rest)
    return data


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(packed, LIMIT)
    except zlib.error as error:
        raise _wrong(str(error), "zlib's format") from None
    if inflater.eof and not inflater.unused_data:
        return found
    more = "more than that" if inflater.unconsumed_tail else "an end in the midst" if not inflater.eof else "a rest"
    raise _wrong(more, f"zlib's format, whole, of at most {LIMIT} bytes")


def _joined(lengths: list[int], rest: bytes) -> str:
    whole, start = b"", 0
    for number, length in enumerate(lengths):
        part = rest[start : start + length]
        whole += base64.b64encode(part) if number % 2 else part
        start += length
    return base64.b64encode(whole).decode()


def _from_json(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(type(error).__name__, "JSON") from None


def _wrong(found: str, wanted: str) -> AgentFailure:
    return AgentFailure(Reason.BAD_ASSIGNMENT, f"assignment: found {found} in the item's body, wanted {wanted}")
