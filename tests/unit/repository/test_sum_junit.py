"""The summary line at the end of a build adds up all its test runs."""

import pytest

from tests.checks.sum_junit import summary


def report(**counts: object) -> str:
    """A JUnit report as pytest writes it."""
    attributes = " ".join(f'{name}="{value}"' for name, value in counts.items())
    return f'<testsuites><testsuite name="pytest" {attributes}><testcase/></testsuite></testsuites>'


@pytest.mark.parametrize(
    ("reports", "line"),
    [
        ([report(tests=6, time=1.23)], "==== 6 passed in 1.23s ===="),
        ([report(tests=9, failures=3, time=1), report(tests=1, time=0.5)], "==== 3 failed, 7 passed in 1.50s ===="),
        ([report(tests=4, skipped=1, errors=1, time=2)], "==== 2 passed, 1 skipped, 1 error in 2.00s ===="),
        ([report(tests=3, errors=2, time=0)], "==== 1 passed, 2 errors in 0.00s ===="),
        ([], "==== 1 error in 0.00s ===="),
        ([report(tests=0, time=0)], "==== 1 error in 0.00s ===="),
    ],
)
def test_reports_add_up_in_pytests_own_form(reports: list[str], line: str) -> None:
    """Failures first, then what passed; a build without any test is an error, not a success."""
    assert summary(reports) == line
