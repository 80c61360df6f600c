"""Whose signature: the role of a function, as its runtime puts it into the environment."""

from collections.abc import Mapping

import attrs

from paddock.core.errors import AccessDenied


@attrs.frozen
class Credentials:
    """Keys of a role's session. ``token`` is empty for a user's own keys. Only the first is fit to be shown."""

    access_key: str
    secret_key: str = attrs.field(repr=False)
    token: str = attrs.field(default="", repr=False)


def environment_credentials(environ: Mapping[str, str]) -> Credentials:
    """The keys in the variables that AWS's own clients read. A function's stay the same as long as its process lives.

    Raises:
        AccessDenied: they are not there.
    """
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access_key or not secret_key:
        raise AccessDenied("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set: nobody to sign as")
    return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN", ""))
