"""What the tests in a browser share: one Chromium."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, running


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, for all tests: a page that is opened knows nothing of those before it."""
    with running(tmp_path_factory.mktemp("chromium")) as found:
        yield found
