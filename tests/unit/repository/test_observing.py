"""The page on metrics, dashboard and alarms says what there is, and two stacks are told apart."""

from paddock.adapters.aws.watching.alarms import definitions
from paddock.adapters.aws.watching.names import Names, Query
from paddock.adapters.aws.watching.widgets import MORE, PLANNED
from tests.observing_tables import PAGE, with_tables
from tests.world.watched import TARGETS


def test_the_tables_of_the_page_are_made_of_the_code() -> None:
    """If this fails, `python -m tests.observing_tables` writes them anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page)
    assert with_tables(page) == with_tables(with_tables(page))


def asked() -> list[Query]:
    """Everything that widgets and alarms ask for."""
    widgets = [query for widget in (*PLANNED, *MORE) for query in widget.queries]
    return [*widgets, *(query for alarm in definitions(TARGETS) for query in alarm.queries)]


def test_two_stacks_share_no_metric() -> None:
    """Each has its name in a dimension of every metric that is looked at."""
    one, other = ({query.key(Names.of(stack)) for query in asked()} for stack in ("ci", "production"))
    assert not one & other
    assert len(one) == len(other)
