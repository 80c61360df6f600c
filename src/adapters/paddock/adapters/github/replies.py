"""Replies' bodies as values."""

from typing import Any, TypeVar

import msgspec

from paddock.adapters.github.errors import unexpected
from paddock.adapters.github.transport import Reply, Request

T = TypeVar("T")

_DECODERS: dict[object, msgspec.json.Decoder[Any]] = {}


def decoded(kind: type[T], request: Request, reply: Reply) -> T:
    """The reply's body as `kind`.

    Raises:
        Unavailable: it is something else (a proxy's page, half a body).
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        # Two threads may both make one; either serves.
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        value: T = decoder.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unexpected(request, reply, error) from None
    return value
