"""The database file: who may read it, which versions are understood, and what each of SQLite's errors becomes."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from paddock.adapters.memory import ManualClock, ManualSleeper
from paddock.adapters.sqlite import Access, Database, SqliteDecisions, SqliteQueue, SqliteRecords, schema
from paddock.adapters.sqlite.errors import REMEDIES, unavailable
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import RunCompleted
from paddock.core.records import JOBS
from paddock.core.units import MILLISECOND, MINUTE, SECOND
from tests.strategies import NOON
from tests.threads import PATIENCE, race

_NOBODY = 65_534
MESSAGE = RunCompleted(1, 1, "acme/api", None)

NO_ERRORS = """OK NOTICE WARNING ROW DONE ANALYZE ATTACH DELETE DENY DETACH FUNCTION IGNORE INSERT PRAGMA READ RECURSIVE
    REINDEX SAVEPOINT SELECT TRANSACTION UPDATE"""
"""Result codes of success, and the words of SQLite's authorizer, which Python keeps in the same namespace."""


def job(number: int, name: str = "") -> Job:
    return Job(facts=JobFacts(job_id=number, run_id=1, repository="acme/api", labels=(), name=name))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is to be; nothing is there yet."""
    return tmp_path / "paddock.db"


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    """Mode 0600, and the same for the files that SQLite keeps beside it while it is open."""
    with Database(path) as database:
        SqliteRecords(JOBS, database).add(job(1))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"paddock.db": 0o600, "paddock.db-wal": 0o600, "paddock.db-shm": 0o600}


def test_what_was_written_is_there_after_reopening(path: Path) -> None:
    """A second life of the process sees the records, messages and decisions of the first."""
    with Database(path) as database:
        SqliteRecords(JOBS, database).add(job(1))
        SqliteQueue[RunCompleted](database, "q", SystemClock(), SystemSleeper()).send([MESSAGE])
    with Database(path) as database:
        assert SqliteRecords(JOBS, database).get("1") == job(1)
        queue = SqliteQueue[RunCompleted](database, "q", SystemClock(), SystemSleeper())
        assert [received.message for received in queue.receive(1)] == [MESSAGE]


def test_commits_are_on_the_disk_before_they_return(path: Path) -> None:
    """Write-ahead log and full synchronisation, on every thread's connection: a power failure loses no webhook."""

    def settings(_: int) -> tuple[object, object]:
        with database.read() as connection:
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
            (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        return journal, synchronous

    with Database(path) as database:
        assert race(3, settings) == [("wal", 2)] * 3


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    """The error names the file, its version, the one understood and the remedy."""
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(
        InvalidInput, match=f"= {schema.VERSION + 1}: .*version {schema.VERSION}: upgrade Paddock"
    ) as caught:
        Database(path)
    assert str(path) in caught.value.field
    assert path.read_bytes() == before


def test_somebody_elses_database_is_refused(path: Path) -> None:
    """A file with tables of another program is not taken over."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(InvalidInput, match="not a Paddock database"):
        Database(path)


@pytest.mark.parametrize("access", Access)
@pytest.mark.parametrize("version", [0, schema.VERSION, schema.VERSION + 1])
def test_the_version_alone_makes_no_database_ours(path: Path, version: int, access: Access) -> None:
    """Another program numbers its own: by our tables a file is known, and nothing is written into one without them."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE records (url TEXT)")
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="another program's: give Paddock a file of its own") as caught:
        Database(path, access=access)
    assert (caught.value.value, path.read_bytes()) == (str(path), before)


@pytest.mark.parametrize("access", [Access.LOOK, Access.CHANGE])
def test_only_who_makes_it_makes_tables(path: Path, access: Access) -> None:
    """Where no file is, none is made; an empty one stays empty, and is told to be that."""
    with pytest.raises(Unavailable, match="SQLITE_CANTOPEN"):
        Database(path, access=access)
    assert not path.exists()
    path.touch()
    with pytest.raises(InvalidInput, match="is empty: no fleet has kept records in it"):
        Database(path, access=access)
    assert [(file.name, file.stat().st_size) for file in path.parent.iterdir()] == [(path.name, 0)]


def test_who_looks_cannot_write(path: Path) -> None:
    """Records are read, also those that come meanwhile; writing one fails."""
    with Database(path) as writer, Database(path, access=Access.LOOK) as looker:
        SqliteRecords(JOBS, writer).add(job(1))
        jobs = SqliteRecords(JOBS, looker)
        assert jobs.get("1") == job(1)
        with pytest.raises(Unavailable, match="SQLITE_READONLY"):
            jobs.add(job(2))


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "open"])
def test_looking_where_nothing_can_be_written(*, opened: bool) -> None:
    """A read-only disk, or another user's directory: records are read, whether a fleet has them open or not."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        path = Path(name, "paddock.db")
        database = stack.enter_context(Database(path))
        SqliteRecords(JOBS, database).add(job(1))
        if not opened:
            database.close()
        before = {file.name for file in path.parent.iterdir()}
        stack.enter_context(unwritable(path.parent))
        with pytest.raises(Unavailable, match="SQLITE_READONLY"), Database(path, access=Access.CHANGE) as refused:
            SqliteRecords(JOBS, refused).add(job(2))
        with Database(path, access=Access.LOOK) as looker:
            assert SqliteRecords(JOBS, looker).get("1") == job(1)
        assert {file.name for file in path.parent.iterdir()} == before


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Nobody may write there or into its files; root, whom nothing keeps out, is nobody while inside."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    """An operator may make the file beforehand, for instance to give it an owner."""
    path.touch(mode=0o600)
    with Database(path) as database:
        assert SqliteRecords(JOBS, database).add(job(1))


@pytest.mark.parametrize("place", ["missing/paddock.db", "file/paddock.db"])
def test_a_place_that_cannot_be_is_an_error_that_names_it(tmp_path: Path, place: str) -> None:
    """A directory that does not exist, or that is a file."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="directory that exists") as caught:
        Database(tmp_path / place)
    assert caught.value.value == str(tmp_path / place)


def test_a_file_that_is_no_database_is_said_to_be_damaged(path: Path) -> None:
    """Opening fails with the path and what to do."""
    path.write_bytes(b"once upon a time " * 100)
    with pytest.raises(Unavailable, match=r"damaged or not a database.*restore"):
        Database(path)


def test_a_lock_that_somebody_keeps_is_unavailable(path: Path) -> None:
    """Writing gives up after the busy time-out, says so, and works again afterwards; reading goes on all the while."""
    with Database(path, busy_timeout=20 * MILLISECOND) as database:
        jobs = SqliteRecords(JOBS, database)
        jobs.add(job(1))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match=r"SQLITE_BUSY.*write lock"):
                jobs.add(job(2))
            assert jobs.get("1") == job(1)
            other.execute("ROLLBACK")
        assert jobs.add(job(2))


def test_a_transaction_takes_its_turn_before_it_reads(path: Path) -> None:
    """What is read in a transaction cannot change until it writes: a second one does not even begin meanwhile."""
    with Database(path) as first, Database(path, busy_timeout=20 * MILLISECOND) as second, first.write():
        with pytest.raises(Unavailable, match="SQLITE_BUSY"), second.write():
            pass
        with second.read() as connection:
            assert connection.execute("SELECT count(*) FROM records").fetchone() == (0,)


def test_a_full_disk_is_unavailable_and_leaves_nothing_behind(path: Path) -> None:
    """A write that does not fit is undone as a whole; what fits later is written."""
    with Database(path) as database:
        log = SqliteRecords(JOBS, database)
        with database.read() as connection:
            connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(Unavailable, match=r"SQLITE_FULL.*make room"):
            log.add(job(1, name="x" * 200_000))
        assert log.get("1") is None
        with database.read() as connection:
            connection.execute("PRAGMA max_page_count = 100000")
        assert log.add(job(1, name="x" * 200_000))


def test_a_record_that_cannot_be_read_is_unavailable_and_named(path: Path) -> None:
    """Somebody edited the file by hand: the error says which record, and no other is affected."""
    with Database(path) as database:
        jobs = SqliteRecords(JOBS, database)
        jobs.add(job(1))
        jobs.add(job(2))
        with database.write() as connection:
            connection.execute("UPDATE records SET data = '{}' WHERE key = '1'")
        with pytest.raises(Unavailable, match="JOB#1"):
            jobs.get("1")
        assert jobs.get("2") == job(2)


def test_a_decision_that_cannot_be_read_is_unavailable_and_named(path: Path) -> None:
    """As with records: the subject is in the text."""
    with Database(path) as database:
        with database.write() as connection:
            connection.execute("INSERT INTO decisions (subject, data) VALUES ('job:1', 'ink')")
        with pytest.raises(Unavailable, match="job:1"):
            SqliteDecisions(database).about("job:1")


def test_every_error_code_of_sqlite_has_a_meaning() -> None:
    """Each primary result code that Python's module names, but for those that are no error, has its remedy."""
    names = {name for name in vars(sqlite3) if name.startswith("SQLITE_") and name.count("_") == 1}
    codes = names - {f"SQLITE_{name}" for name in NO_ERRORS.split()}
    assert codes == set(REMEDIES)


@pytest.mark.parametrize("code", REMEDIES)
def test_each_error_becomes_unavailable_with_its_remedy(code: str) -> None:
    """Primary or extended, the text has the file, SQLite's words, the code and the remedy; and it may be retried."""
    for name in (code, f"{code}_EXTENDED"):
        error = sqlite3.OperationalError("it went wrong")
        error.sqlite_errorname = name
        ours = unavailable(Path("fleet.db"), error)
        assert str(ours) == f"database fleet.db: it went wrong ({name}): {REMEDIES[code]}"
        assert ours.retryable


def test_an_error_without_a_code_is_unavailable_too() -> None:
    """What Python's module raises by itself has no code: its class stands in."""
    ours = unavailable(Path("fleet.db"), sqlite3.ProgrammingError("Cannot operate on a closed database."))
    assert "closed database. (ProgrammingError)" in str(ours)


def test_a_closed_database_is_unavailable(path: Path) -> None:
    """Closing twice is no error; using it afterwards is one, and says why."""
    database = Database(path)
    jobs = SqliteRecords(JOBS, database)
    jobs.add(job(1))
    database.close()
    database.close()
    for use in (lambda: jobs.get("1"), lambda: jobs.add(job(2)), lambda: jobs.page("all", "all")):
        with pytest.raises(Unavailable, match="closed"):
            use()


def test_closing_takes_the_connections_of_all_threads_along(path: Path) -> None:
    """SQLite removes its log beside the file when the last connection is closed: none was forgotten."""
    database = Database(path)
    jobs = SqliteRecords(JOBS, database)
    race(6, lambda number: jobs.add(job(number)))
    race(6, lambda number: jobs.get(str(number)))
    database.close()
    assert [file.name for file in path.parent.iterdir()] == ["paddock.db"]


def test_threads_that_have_ended_do_not_pile_up(path: Path) -> None:
    """Their connections are closed when the next thread opens one."""
    with Database(path) as database:
        jobs = SqliteRecords(JOBS, database)
        for number in range(10):
            race(2, lambda thread, number=number: jobs.add(job(2 * number + thread)))  # type: ignore[misc]
        jobs.get("1")
        assert len(database._slots) <= 3
        assert len(jobs.page("all", "all").items) == 20


def test_an_error_inside_a_transaction_undoes_it(path: Path) -> None:
    """Whatever is raised, nothing of the transaction stays, and the next one works."""

    def interrupted() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO decisions (subject, data) VALUES ('job:1', '{}')")
            raise KeyboardInterrupt

    with Database(path) as database:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert list(SqliteDecisions(database).about("job:1")) == []
        assert SqliteRecords(JOBS, database).add(job(1))


def test_queues_of_one_database_do_not_mix(path: Path) -> None:
    """Messages, loans, receipts and dead letters belong to the queue of that name."""
    clock = ManualClock(NOON)
    with Database(path) as database:
        jobs = SqliteQueue[RunCompleted](database, "jobs", clock, ManualSleeper(clock))
        reports = SqliteQueue[RunCompleted](database, "reports", clock, ManualSleeper(clock))
        jobs.send([MESSAGE])
        jobs.send_text("broken")
        assert list(reports.receive(10)) == []
        (lent,) = jobs.receive(10)
        reports.delete([lent.receipt])
        reports.defer(lent.receipt, 0)
        assert reports.release_loans() == 0
        assert list(reports.dead_letters()) == []
        assert reports.redrive() == 0
        assert (jobs.depth().on_loan, jobs.depth().dead, reports.depth().dead) == (1, 1, 0)


def test_a_restarted_consumer_gets_its_loans_back_at_once(path: Path) -> None:
    """What the dead process held is seen again with its receives counted, and its receipts are worth nothing."""
    clock = ManualClock(NOON)
    with Database(path) as database:
        queue = SqliteQueue[RunCompleted](database, "jobs", clock, ManualSleeper(clock), max_receives=2)
        queue.send([MESSAGE])
        queue.send([MESSAGE], delay=MINUTE)
        (first,) = queue.receive(10)
        assert queue.release_loans() == 1
        assert queue.release_loans() == 0
        queue.delete([first.receipt])
        (second,) = queue.receive(10)
        assert second.receives == 2
        assert queue.release_loans() == 1
        assert list(queue.receive(10)) == []  # twice the consumer died with it: it is given up
        assert (queue.depth().waiting, queue.depth().dead) == (1, 1)


def test_a_waiting_receiver_gets_what_another_process_would_send(path: Path) -> None:
    """On real clocks: the wait ends soon after the message arrives, long before it would have run out."""
    with Database(path) as database:
        queue = SqliteQueue[RunCompleted](database, "jobs", SystemClock(), SystemSleeper())

        def work(thread: int) -> list[RunCompleted]:
            if thread == 0:
                return [received.message for received in queue.receive(1, wait=PATIENCE * SECOND)]
            queue.send([MESSAGE])
            return []

        assert race(2, work) == [[MESSAGE], []]


@pytest.mark.parametrize(
    ("method", "arguments"), [("send", {"delay": 16 * MINUTE}), ("send", {"delay": -1}), ("receive", {"limit": 0})]
)
def test_what_sqs_would_refuse_is_refused(path: Path, method: str, arguments: dict[str, int]) -> None:
    """A delay over 15 minutes, a negative one, a batch of nothing: mistakes of ours that a test should meet first."""
    clock = ManualClock(NOON)
    with Database(path) as database:
        queue = SqliteQueue[RunCompleted](database, "jobs", clock, ManualSleeper(clock))
        messages = {"messages": [MESSAGE]} if method == "send" else {}
        with pytest.raises(ValueError, match=next(iter(arguments))):
            getattr(queue, method)(**messages, **arguments)
