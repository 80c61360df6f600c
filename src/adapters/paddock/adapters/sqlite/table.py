"""The table in one SQLite file."""

from functools import partial

from paddock.adapters.sqlite.database import Database
from paddock.adapters.sqlite.records import SqliteRecords
from paddock.adapters.tables import ExclusiveTogether, stores_of, table_of
from paddock.core.ports.stores import Table


def sqlite_table(database: Database) -> Table:
    """Every store, in the file."""
    stores = stores_of(partial(SqliteRecords, database=database))
    return table_of(stores, ExclusiveTogether(stores, database.write))
