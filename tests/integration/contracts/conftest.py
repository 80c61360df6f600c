"""Adapters that stand before a moto server: what they cannot show, and that they are slow.

An expected difference is run all the same, and one that passes fails: then the other side has been mended, and its
line can go.
"""

from collections.abc import Iterable

import pytest

from tests.integration.contracts import queue_adapters

DIFFERENCES = {
    "test_queue.py": queue_adapters.DIFFERENCES,
    "test_together.py": {
        # What DynamoDB does instead is `tests.aws.steps.Tokens`, on which the same test must pass.
        "test_a_step_whose_answer_was_lost_is_done_once[moto]": "moto takes no notice of ClientRequestToken",
    },
}
ON_MOTO = frozenset({"sqs", "s3", "cloudwatch"})


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark the tests that are slow, and those that are expected to fail."""
    for item in items:
        adapter = item.name.partition("[")[2].rstrip("]").partition("-")[0]
        if adapter in ON_MOTO:
            item.add_marker(pytest.mark.slow)
        reason = DIFFERENCES.get(item.path.name, {}).get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
