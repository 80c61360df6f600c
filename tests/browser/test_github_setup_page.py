"""`paddock github setup` in a browser: its page is clicked through, over the stand-in's pages of GitHub, to the end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.wait import WebDriverWait

from paddock.adapters.app_setup import Door, FileKeeper
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.manifest import Wanted
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.core.settings import ScopeKind
from paddock.core.units import MILLISECOND, MINUTE
from paddock.entrypoints.github_setup import Setup
from tests.browser.chromium import NARROW, WIDE, Browser, Scheme

PATIENCE = 30


@contextmanager
def waiting(home: Path) -> Iterator[tuple[GitHubStandIn, Setup, Door]]:
    """A setup whose page waits for somebody, and the GitHub that it is about."""
    with GitHubStandIn() as github:
        github.add_repository("acme/app")
        wanted = Wanted(
            endpoints=endpoints_of(github.url),
            scope=ScopeKind.REPOSITORY,
            name="paddock-acme",
            org="acme",
            webhook_url="https://ci.example.com/webhook",
        )
        work = Setup(
            wanted=wanted,
            keeper=FileKeeper(home / "paddock-app.pem", home / "paddock-webhook.secret", home),
            folders=[home],
            said=lambda _: None,
            clock=SystemClock(),
            sleeper=SystemSleeper(),
            chance=SystemChance(),
            ids=RandomIds(),
            patience=MINUTE,
            look=200 * MILLISECOND,
        )
        with work.door() as door:
            yield github, work, door


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_the_page_is_sound_at_every_width(browser: Browser, tmp_path: Path, width: int, scheme: Scheme) -> None:
    """Nothing sticks out, nothing complains, nothing but the page itself is loaded."""
    with waiting(tmp_path) as (_, _, door):
        seen = browser.look(door.url, width, scheme, screen="github-setup")
        assert seen.wrong == ()
        assert "Paddock: a GitHub App for acme" in seen.title


def test_a_few_clicks_make_an_app(browser: Browser, tmp_path: Path) -> None:
    """Ours, GitHub's, and back again: the page's policy lets the form through, and it comes to its end by itself."""
    driver = browser.driver
    with waiting(tmp_path) as (github, work, door), ThreadPoolExecutor(1) as aside:
        browser.look(door.url)
        driver.find_element(By.ID, "create").click()
        WebDriverWait(driver, PATIENCE).until(expected.element_to_be_clickable((By.ID, "agree"))).click()
        link = WebDriverWait(driver, PATIENCE).until(expected.presence_of_element_located((By.ID, "install")))
        assert driver.current_url == door.url
        assert browser.again(screen="github-setup-made").wrong == ()
        app = work.agreed(door)
        end = aside.submit(work.installed, app, door)
        home = driver.current_window_handle
        link = driver.find_element(By.ID, "install")
        assert link.get_attribute("href") == app.install_url
        driver.switch_to.new_window("tab")
        driver.get(app.install_url)
        driver.find_element(By.ID, "install").click()
        WebDriverWait(driver, PATIENCE).until(expected.text_to_be_present_in_element((By.TAG_NAME, "h1"), "Okay"))
        driver.close()
        driver.switch_to.window(home)
        WebDriverWait(driver, PATIENCE).until(expected.presence_of_element_located((By.ID, "installed")))
        assert "acme/app" in driver.find_element(By.TAG_NAME, "main").text
        assert browser.again(screen="github-setup-installed").wrong == ()
        assert [one.account.login for one in end.result(timeout=PATIENCE)] == ["acme"]
    (made,) = github.apps.by_id.values()
    assert (tmp_path / "paddock-app.pem").read_text(encoding="utf-8") == made.pem
