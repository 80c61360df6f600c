"""The metric maths that alarms and widgets use: as CloudWatch documents it, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.watching.maths import Series, evaluate
from paddock.core.errors import InvalidInput

ONE: Series = (30.0, 20.0, 0.0, 0.0)
TWO: Series = (20.0, None, 20.0, None)
BOTH = {"metric1": ONE, "metric2": TWO}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        # "Comparison and logical operators" of AWS's page: a value that is missing in one series counts as 0.
        ("(metric1 < metric2)", (0, 0, 1, 0)),
        ("(metric1 >= 30)", (1, 0, 0, 0)),
        ("(metric1 > 15 AND metric2 > 15)", (1, 0, 0, 0)),
        ("metric1 + metric2", (50, 20, 20, 0)),
        ("metric1 - metric2", (10, 20, -20, 0)),
        ("-metric1", (-30, -20, 0, 0)),
        ("metric2 * 2", (40, None, 40, None)),
        # "If … attempt to divide by zero, the data point is dropped."
        ("metric1 / metric2", (1.5, None, 0, None)),
        ("100 / metric1", (100 / 30, 5, None, None)),
        ("FILL(metric2, 7)", (20, 7, 20, 7)),
        ("FILL(metric2, REPEAT)", (20, 20, 20, 20)),
        ("SUM([metric1, metric2])", (50, 20, 20, 0)),
        ("SUM(METRICS())", (50, 20, 20, 0)),
        ('SUM(METRICS("2"))', (20, None, 20, None)),
        ("SUM(FILL(METRICS(), 1))", (50, 21, 20, 1)),
        ("MAX([metric1, metric2])", (30, 20, 20, 0)),
        ("MIN([metric1, metric2])", (20, 20, 0, 0)),
        ("IF(metric1 > 10, metric1, 5)", (30, 20, 5, 5)),
        ("IF(metric2 > 10, 1, 0)", (1, None, 1, None)),
        ("metric1 > 0 OR metric2 > 0", (1, 1, 1, 0)),
        ("1 + 2 * metric1", (61, 41, 1, 1)),
        ("(1 + 2) * metric1", (90, 60, 0, 0)),
        ("metric1 == 0 && FILL(metric2, 0) == 0 || metric1 != metric1", (0, 0, 0, 1)),
    ],
)
def test_what_is_known_gives_what_cloudwatch_gives(expression: str, result: Series) -> None:
    """Its own examples, and one of each kind."""
    assert evaluate(expression, BOTH) == result


@pytest.mark.parametrize(
    "expression",
    [
        *("", "metric3", "metric1 +", "(metric1", "metric1)", "metric1 metric2", "metric1 % 2", "metric1 ^ 2"),
        *(
            "SUM(metric1)",
            "MAX(metric1)",
            "AVG([metric1, metric2])",
            "RATE(metric1)",
            "ANOMALY_DETECTION_BAND(metric1)",
        ),
        *("METRICS()", "METRICS(2)", "METRICS() / 2", "[metric1, 2]", "1", "1 / 0", "IF(1, metric1, 2)"),
        *("IF(metric1, metric1)", "FILL(2, 0)", "FILL(metric1, LINEAR)", "FILL(metric1)", "sum(metric1)", "Metric1"),
        *("SEARCH('{Paddock,Stack}', 'Sum')", "metric1 = 2", "2metric1", "metric1\u0660"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_it(expression: str) -> None:
    """Nothing is guessed: an alarm on a wrong expression would be silent for ever."""
    with pytest.raises(InvalidInput, match=r"^expression = "):
        evaluate(expression, BOTH)


@given(st.text(alphabet='m12+-*/<>=!&|()[], ABDFILORSUMXETRC".'))
def test_no_text_gives_anything_but_a_series_or_an_error(text: str) -> None:
    """Whatever is written there."""
    try:
        found = evaluate(text, {"m1": ONE, "m2": TWO})
    except InvalidInput:
        return
    assert len(found) == len(ONE)


@given(st.lists(st.none() | st.integers(0, 9), min_size=4, max_size=4))
def test_a_sum_is_the_sum_whatever_is_missing(points: list[int | None]) -> None:
    """And a point is missing only where nothing is there."""
    series: Series = tuple(None if point is None else float(point) for point in points)
    found = evaluate("SUM([a, b])", {"a": series, "b": ONE})
    assert found == tuple((point or 0) + one for point, one in zip(series, ONE, strict=True) if one is not None)
