"""State of the one-machine fleet in one SQLite file: records, queues and decisions, safe for several processes."""

from paddock.adapters.sqlite.database import Access, Database
from paddock.adapters.sqlite.decisions import SqliteDecisions
from paddock.adapters.sqlite.look import check_whole
from paddock.adapters.sqlite.queue import SqliteQueue
from paddock.adapters.sqlite.records import SqliteRecords
from paddock.adapters.sqlite.table import sqlite_table

__all__ = ["Access", "Database", "SqliteDecisions", "SqliteQueue", "SqliteRecords", "check_whole", "sqlite_table"]
