"""What a command says that needs an extra which is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from paddock.core.errors import Unsupported


@contextmanager
def on_aws() -> Iterator[None]:
    """Around imports that need boto3.

    Raises:
        Unsupported: it is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("boto3", "botocore"):
            raise
        raise Unsupported(
            "speaking to AWS needs boto3: install Paddock with its extra, as `pip install '.[aws]'` does in a checkout"
        ) from None
