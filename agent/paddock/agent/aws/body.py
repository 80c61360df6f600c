"""The body of the machine's own item: its orders, a secret, as the control plane packs them.

An item is paid for by the kilobyte, and most of it would be the base64 of base64. So it is binary::

    one byte    2, the number of this shape (`SHAPE`)
    the rest    zlib, with `DICTIONARY`, of:  the message ``assignment`` as JSON on one line, without its jit_config
                                              LF
                                              the parts of jit_config, one after the other

``jit_parts`` in that JSON are the parts' lengths. The second part, the fourth and so on are put into base64; then all
are joined, and the base64 of that is ``jit_config``. Where there are no parts, it stands in the message itself.
``jit_key``, if it is there, says which part holds the runner's key (0 is the first), and what it takes to make that
whole: see `jit_key`.

Shape 1 is the same without a dictionary and a key. The shape before that was a text: the message as JSON.
"""

import base64
import json
import zlib
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from paddock.agent.aws.jit_key import whole
from paddock.agent.reasons import AgentFailure, Reason
from paddock.contracts.assignment_body import DICTIONARY, SHAPE

if TYPE_CHECKING:
    from typing import TypeGuard

SHAPES = (1, SHAPE)
LIMIT = 1 << 20  # bytes; real orders have 4,000, and an item of the table holds no more than 400 KB
KEY = 4  # numbers of a jit_key: its part's, and what `whole` takes


def unpacked(body: str | bytes) -> object:
    """The plain data of the message, unchecked.

    Raises:
        AgentFailure: `bad_assignment`. Its text says what was found and what was wanted, and quotes nothing.
    """
    if isinstance(body, str):
        return _from_json(body)
    shape = body[0] if body else None
    if shape not in SHAPES:
        wanted = " or ".join(map(str, SHAPES))
        raise _wrong(f"shape {shape}", f"{wanted} or a text: this agent is older or newer than its fleet")
    text, _, rest = _inflated(body[1:], DICTIONARY if shape == SHAPE else b"").partition(b"\n")
    data = _from_json(text)
    if not isinstance(data, dict):
        return data
    lengths, key = data.pop("jit_parts", []), data.pop("jit_key", None)
    if not _are_whole(lengths):
        raise _wrong("jit_parts of another kind", "a list of whole numbers")
    if sum(lengths) != len(rest):
        raise _wrong(f"{len(rest)} bytes after the message", f"{sum(lengths)}, by its jit_parts")
    parts = _parts(lengths, rest)
    if key is not None:
        _make_whole(parts, key)
    if parts:
        encoded = (base64.b64encode(part) if number % 2 else part for number, part in enumerate(parts))
        data["jit_config"] = base64.b64encode(b"".join(encoded)).decode()
    return data


def _inflated(packed: bytes, dictionary: bytes) -> bytes:
    inflater = zlib.decompressobj(zdict=dictionary)
    try:
        found = inflater.decompress(packed, LIMIT)
    except zlib.error as error:
        raise _wrong(str(error), "zlib's format") from None
    if inflater.eof and not inflater.unused_data:
        return found
    more = "more than that" if inflater.unconsumed_tail else "an end in the midst" if not inflater.eof else "a rest"
    raise _wrong(more, f"zlib's format, whole, of at most {LIMIT} bytes")


def _parts(lengths: list[int], rest: bytes) -> list[bytes]:
    ends = [0, *accumulate(lengths)]
    return [rest[start:end] for start, end in pairwise(ends)]


def _make_whole(parts: list[bytes], key: object) -> None:
    if not _are_whole(key) or len(key) != KEY or key[0] >= len(parts):
        raise _wrong("a jit_key of another kind", f"{KEY} whole numbers, the first of them a part's")
    number, *how = key
    try:
        parts[number] = whole(parts[number], *how)
    except ValueError as error:
        raise _wrong(f"a key with {error}", "two primes and an exponent") from None


def _are_whole(numbers: object) -> "TypeGuard[list[int]]":
    return isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers)


def _from_json(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(type(error).__name__, "JSON") from None


def _wrong(found: str, wanted: str) -> AgentFailure:
    return AgentFailure(Reason.BAD_ASSIGNMENT, f"assignment: found {found} in the item's body, wanted {wanted}")
