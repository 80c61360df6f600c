"""The runner's key in a just-in-time configuration, without what its two primes tell.

How it is made whole again is told in ``paddock.agent.aws.jit_key``. .NET writes a key as eight numbers, each in base64
and of fixed length: 1,155 bytes as good as drawn, which nothing deflates, and 256 of them are enough.
"""

import base64
import json
from math import lcm
from typing import Final

import attrs

NUMBERS: Final = ("d", "dp", "dq", "inverseQ", "modulus", "p", "q")
"""As RSA's numbers are called in ``.credentials_rsaparams``: RSAParametersSerializable of the runner's sources."""

_EXPONENT: Final = "exponent"
_LONGEST: Final = 512  # bytes of a prime: the agent reckons with no more
_MARK: Final = 0x80  # no byte of ASCII


@attrs.frozen
class Key:
    """The primes and a text, and what is needed to make it whole: bytes of a prime, the exponent, which totient.

    ``totient`` is 1 if ``d`` belongs to the product of p-1 and q-1, and 0 if it belongs to their least common multiple.
    """

    part: bytes = attrs.field(repr=False)
    size: int
    exponent: int
    totient: int


def key_in(file: bytes) -> Key | None:
    """The file as the agent makes it whole again, to the letter; None if it holds no key, or that would not do it."""
    try:
        said = json.loads(file)
        texts = {name: said[name] for name in (*NUMBERS, _EXPONENT)}
        raw = {name: base64.b64decode(text, validate=True) for name, text in texts.items()}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    size, exponent = len(raw["p"]), int.from_bytes(raw[_EXPONENT], "big")
    if not 0 < size <= _LONGEST or len(raw["q"]) != size or not 0 < exponent < 1 << 64:
        return None
    text = file
    for number, name in enumerate(NUMBERS):
        text = text.replace(texts[name].encode(), bytes([_MARK + number]))
    for totient in (0, 1):
        key = Key(raw["p"] + raw["q"] + text, size, exponent, totient)
        if _whole(key) == file:
            return key
    return None


def _whole(key: Key) -> bytes | None:
    p, q = (int.from_bytes(key.part[start : start + key.size], "big") for start in (0, key.size))
    below, text = (p - 1, q - 1), key.part[2 * key.size :]
    if min(below) < 1:
        return None
    try:
        d = pow(key.exponent, -1, below[0] * below[1] if key.totient else lcm(*below))
        numbers = (d, d % below[0], d % below[1], pow(q, -1, p), p * q, p, q)
    except ValueError:  # these are no primes
        return None
    for number, (name, value) in enumerate(zip(NUMBERS, numbers, strict=True)):
        encoded = base64.b64encode(value.to_bytes(key.size * (2 if name in {"d", "modulus"} else 1), "big"))
        text = text.replace(bytes([_MARK + number]), encoded)
    return text
