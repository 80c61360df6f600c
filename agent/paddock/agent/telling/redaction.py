"""Secrets blotted out of text: as they are, as they are commonly encoded, and in long pieces."""

import base64
import json
import re

BLOT = "***"
SHORTEST = 4  # characters; a shorter "secret" would blot out half of every line
_SHORTEST_CODED = 6

# Long secrets (a runner's configuration has thousands of characters) are wrapped by whatever prints them, so that no
# line holds the whole. Every fourth window of such a secret is remembered, and a word of at least `_RUN` characters is
# looked at in four neighbouring places out of twelve: a piece of 26 characters cannot pass between them.
_LONG = 64
_WINDOW = 12
_STRIDE = 4
_RUN = 32
_WORD = re.compile(rf"(?<![A-Za-z0-9+/=_.%-])[A-Za-z0-9+/=_.%-]{{{_RUN},}}", re.ASCII)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Redactor:
    """Knows the secrets, and blots them out. May be used by several threads."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._windows: frozenset[str] = frozenset()

    def hide(self, secret: str) -> None:
        """From now on the secret is blotted out. One of less than four characters is not: it is in every text."""
        if len(secret) < SHORTEST:
            return
        found = forms(secret)
        windows = {
            form[at : at + _WINDOW]
            for form in found
            if len(form) >= _LONG
            for at in range(0, len(form) - _WINDOW + 1, _STRIDE)
        }
        self._windows |= windows
        self._forms = tuple(sorted({*self._forms, *found}, key=lambda form: (-len(form), form)))

    def blot(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, BLOT)
        if self._windows and len(text) >= _RUN:
            text = _WORD.sub(self._without_pieces, text)
        return text

    def _without_pieces(self, match: re.Match[str]) -> str:
        word = match[0]
        for block in range(0, len(word) - _WINDOW + 1, _WINDOW):
            for at in range(block, block + _STRIDE):
                if word[at : at + _WINDOW] in self._windows:
                    return BLOT
        return word


def forms(secret: str) -> set[str]:
    """The secret as it is, line by line, and as JSON, URLs, base64 and hexadecimal carry it."""
    raw = secret.encode("utf-8", errors="surrogateescape")
    percent = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)
    lower = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02x}" for byte in raw)
    coded = {
        *(line.strip() for line in secret.splitlines()),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        percent,
        lower,
        percent.replace("%20", "+"),
        raw.hex(),
        raw.hex().upper(),
    }
    for shift in range(3):
        plain = _base64_inside(raw, shift)
        coded |= {plain, plain.replace("+", "-").replace("/", "_")}
    return {secret, *(form for form in coded if len(form) >= _SHORTEST_CODED)}


def _base64_inside(raw: bytes, shift: int) -> str:
    """What base64 makes of `raw` alone, wherever it stands: here `shift` bytes after the begin of a group of three."""
    text = base64.b64encode(bytes(shift) + raw).decode()
    begin = (0, 2, 3)[shift]
    end = len(text.rstrip("=")) - (1 if (shift + len(raw)) % 3 else 0)
    return text[begin:end]
