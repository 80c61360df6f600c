"""What stands in a machine's item may be the machine's own word: whoever is root on it may write there."""

from typing import Any, cast

import pytest

from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.memory import ManualClock
from paddock.core.ports.assignments import AssignmentReceipt


class Item:
    """A table of one item."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - DynamoDB's typed values
        self._attributes = attributes

    def get(self, key: object, attributes: object) -> Any:  # noqa: ANN401, ARG002 - as above
        """See `Table.get`."""
        return self._attributes


@pytest.mark.parametrize("nonsense", [{"N": "1.5"}, {"N": "-9E+120"}, {"S": "now"}, {"NULL": True}])
def test_a_machine_cannot_make_its_item_unreadable(nonsense: dict[str, Any]) -> None:
    """What is no whole number is no sign of life and no registration; an item that raised would never be ended."""
    item = Item(runner_name={"S": "paddock--i-1--a"}, runner_id=nonsense, heartbeat_at=nonsense)
    receipt = DynamoAssignments(cast("Table", item), "AROA", ManualClock(0)).get("i-1")
    assert receipt == AssignmentReceipt("i-1", "paddock--i-1--a", 0, taken=False)
