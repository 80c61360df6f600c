"""The runner's key in a just-in-time configuration: eight numbers, which its two primes tell.

Six of them need not be sent. What is sent, and made whole again here::

    p, q     the primes, so many bytes each
    a text   the file with the key, as it was, with one byte in place of each number's base64: 0x80 for the first
             of `NUMBERS`, 0x81 for the second, and so on
"""

import base64
from math import lcm

NUMBERS = ("d", "dp", "dq", "inverseQ", "modulus", "p", "q")
"""As RSA's numbers are called in ``.credentials_rsaparams``; its ``exponent`` stands in the text."""

LONGEST = 512  # bytes of a prime: no key has more than 8,192 bits, and reckoning with more takes long


def whole(part: bytes, size: int, exponent: int, totient: int) -> bytes:
    """The file. `size`: bytes of a prime; `totient`: 1 if `d` belongs to the product of p-1 and q-1, 0: to their lcm.

    Raises:
        ValueError: there are no such numbers.
    """
    if not 0 < size <= LONGEST or len(part) < 2 * size or not 0 < exponent < 1 << 64:
        raise ValueError("no primes and exponent")
    p, q = (int.from_bytes(part[start : start + size], "big") for start in (0, size))
    if min(p, q) <= 1:
        raise ValueError("no primes")
    below, text = (p - 1, q - 1), part[2 * size :]
    d = pow(exponent, -1, below[0] * below[1] if totient else lcm(*below))
    numbers = (d, d % below[0], d % below[1], pow(q, -1, p), p * q, p, q)
    for number, (name, value) in enumerate(zip(NUMBERS, numbers, strict=True)):
        encoded = base64.b64encode(value.to_bytes(2 * size if name in {"d", "modulus"} else size, "big"))
        text = text.replace(bytes([0x80 + number]), encoded)
    return text
