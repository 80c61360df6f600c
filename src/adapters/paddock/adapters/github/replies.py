"""Replies' bodies as values."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar

import msgspec

from paddock.adapters.github.errors import unexpected
from paddock.adapters.github.transport import Reply, Request

T = TypeVar("T")


def decoded(kind: type[T], request: Request, reply: Reply) -> T:
    """The reply's body as `kind`.

    Raises:
        Unavailable: it is something else (a proxy's page, half a body).
    """
    try:
        value: T = _decoder(kind).decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unexpected(request, reply, error) from None
    return value


@cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
