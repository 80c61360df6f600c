"""Set-up shared by all tests: how long Hypothesis searches, and whether it looks in new places.

* ``short`` (the default) is derandomised: the same code gets the same verdict everywhere, every time. A test run
  answers "did this change break something", so it must not fail today over an example that it missed yesterday.
* ``long`` searches at random and for long; run it on purpose: ``PADDOCK_HYPOTHESIS=long nox -s tests-3.12``.
  What it finds becomes an ``@example`` beside the property.

Neither has a deadline: shared machines are noisy, and a slow example is not a wrong one.

Tests that wait for minutes for other processes come first: where several run at once, one worker waits for them while
the others reckon, and nobody is left waiting at the end.

Who starts the tests in the background of a script, or by nohup, makes them ignore signals, and with them every process
that they start: here they are heard again.
"""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "short", max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long", max_examples=3_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("PADDOCK_HYPOTHESIS", "short"))
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

WAITING = ("test_ec2_lasting_outages", "test_ec2_outages", "test_kill_nine", "test_local_pools", "test_local_fleet")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait come first; else the order stays."""
    items.sort(key=lambda item: item.path.stem not in WAITING)
