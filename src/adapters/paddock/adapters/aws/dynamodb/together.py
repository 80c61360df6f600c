"""Several records in one step: a transaction, or for a single one the write that costs half of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table, TransactItem
from paddock.adapters.tables import checked
from paddock.core.errors import Conflict, NotFound
from paddock.core.ports.system import Ids
from paddock.core.ports.together import Add, Write

_TOKEN = 36  # DynamoDB's longest ClientRequestToken


class DynamoTogether:
    """Records of any kinds. Safe for threads and processes. Each `write` is one request; of nothing, none.

    A transaction costs two write units for each kilobyte, twice as much as a write of one record alone. What no
    expression can say (a change of a key, a condition that nothing meets) is refused, or False, without a request.
    """

    def __init__(self, stores: Mapping[str, DynamoRecords[Any]], table: Table, ids: Ids) -> None:
        """Args: the stores by their kind's prefix; the table; where the tokens of requests come from."""
        self._stores = stores
        self._table = table
        self._ids = ids

    def write(self, writes: Sequence[Write], besides: Sequence[TransactItem] = ()) -> bool:
        """Carry out every write, or none: False if the condition of one does not hold. `besides`: what is no record.

        Raises:
            IllegalTransition: a change names a state that cannot be reached from a state of its `when`.
            ValueError: there are too many, or two of one record, or a change would give a record another key.
            Rejected: a record is over 400 KB, its key too long, or all of them are over 4 MB.
        """
        checked(writes)
        if not writes and not besides:
            return True
        if any(not isinstance(write, Add) and frozenset() in write.when.values() for write in writes):
            return False
        if len(writes) == 1 and not besides:
            return self._alone(writes[0])
        items = [self._stores[write.kind.prefix].written(write) for write in writes]
        return self._table.transact([*items, *besides], self._ids.token()[:_TOKEN])

    def _alone(self, write: Write) -> bool:
        store = self._stores[write.kind.prefix]
        if isinstance(write, Add):
            return store.add(write.record)
        try:
            store.update(write.key, write.when, write.change)
        except (Conflict, NotFound):
            return False
        return True
