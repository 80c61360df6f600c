"""What Lambda is given, for this machine's kind: others' compiled code differs a little between kinds."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.bundle.contents import FUNCTIONS, WEBHOOK
from tests.aws.bundles import make
from tests.bench.harness import Figure


def figures() -> Iterator[Figure]:
    """The size of each bundle, and of both."""
    total = 0
    with TemporaryDirectory() as folder:
        for name, bundle in (("webhook", WEBHOOK), ("functions", FUNCTIONS)):
            size = make(bundle, Path(folder)).file.stat().st_size
            total += size
            yield Figure(f"bundle.mb.{name}", round(size / 1e6, 2), "MB", f"the archive {bundle.file}")
    yield Figure("bundle.mb", round(total / 1e6, 2), "MB", "both of them")
