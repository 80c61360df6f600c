"""Errors of the parts, told with the paths that paddock.yml has for what they are about."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from paddock.core.errors import InvalidInput

_PATHS: Mapping[str, str] = {
    "listen": "local.listen",
    "slots": "local.slots",
    "github.private_key": "github.app.private_key",
    "github.app_id": "github.app.id",
}


@contextmanager
def config_paths() -> Iterator[None]:
    """Inside the block, a part's `InvalidInput` gets the field's path in paddock.yml, so that it is found there."""
    try:
        yield
    except InvalidInput as error:
        path = _PATHS.get(error.field)
        if path is None:
            raise
        raise InvalidInput(path, error.value, error.remedy) from error
