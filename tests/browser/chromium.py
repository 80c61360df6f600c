"""Pages of ours in headless Chromium: opened, measured, photographed.

Debian's ``chromium`` and ``chromium-driver`` are used where they lie; nothing is fetched. Of the network Chromium is
given this machine alone: names resolve to nothing.
"""

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import attrs
import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.checks.chromium import INSTALL

SCREENS: Final = Path(__file__).parents[2] / "build" / "screens"
WIDE, NARROW = 1280, 390  # CSS pixels: a laptop, a phone
_HEIGHT: Final = 800
BROWSERS_OWN: Final = ("chrome:", "chrome-untrusted:")
"""Addresses of the browser's own pages, such as that of a new tab, which may load something until ours is there."""

_LOOK: Final = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
_OPTIONS: Final = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

Scheme = Literal["light", "dark"]


@attrs.frozen
class Look:
    """What was seen of a page.

    ``wrong`` has a line for everything that is not as it should be, ``charts`` what each drawing says of itself and
    how many marks it shows, ``asked`` the addresses that were asked for.
    """

    title: str
    wrong: tuple[str, ...]
    charts: tuple[tuple[str, int], ...]
    asked: tuple[str, ...]

    def marks(self, said: str) -> list[int]:
        """How many marks each drawing has that says so of itself."""
        return [count for name, count in self.charts if said in name]


@attrs.frozen
class Browser:
    """One Chromium, in which pages are opened one after the other."""

    driver: Chrome

    def look(self, address: str, width: int = WIDE, scheme: Scheme = "light", *, screen: str = "") -> Look:
        """Open the page at that width, and look. With a name, a picture of the whole page is left in build/screens."""
        for log in ("performance", "browser"):
            self._told(log)  # what was said before
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=_HEIGHT, deviceScaleFactor=1, mobile=False)
        self._do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.driver.get(address)
        if (alert := self._alert()) is not None:
            return Look("", (f"an alert says {alert!r}",), (), ())
        return self.again(width, scheme, screen=screen)

    def again(self, width: int = WIDE, scheme: Scheme = "light", *, screen: str = "") -> Look:
        """Look at the page that is open, as a test has changed it."""
        seen: Any = self.driver.execute_script(_LOOK)
        if screen:
            self._photograph(f"{screen}-{width}-{scheme}.png", width, seen["height"])
        asked = tuple(self._asked())
        console = [f"the console says {entry['message']}" for entry in self._told("browser")]
        outside = [f"it asks for {address}" for address in asked if not _here(address)]
        wrong = (*seen["wrong"], *console, *outside)
        return Look(seen["title"], wrong, tuple((name, marks) for name, marks in seen["charts"]), asked)

    def _alert(self) -> str | None:
        try:
            alert = self.driver.switch_to.alert
        except NoAlertPresentException:
            return None
        text = alert.text
        alert.dismiss()
        return text

    def _asked(self) -> Iterator[str]:
        for entry in self._told("performance"):
            event = json.loads(entry["message"])["message"]
            about = event["params"]
            if event["method"] == "Network.requestWillBeSent" and not about["documentURL"].startswith(BROWSERS_OWN):
                yield about["request"]["url"]

    def _photograph(self, name: str, width: int, height: int) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, 16_000), "scale": 1}
        shot = self._do("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        (SCREENS / name).write_bytes(base64.b64decode(shot["data"]))

    def _do(self, method: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON
        return self.driver.execute_cdp_cmd(method, parameters)

    def _told(self, log: str) -> list[Any]:
        found: list[Any] = self.driver.get_log(log)  # type: ignore[no-untyped-call]  # selenium's own
        return found


@contextmanager
def running(home: Path) -> Iterator[Browser]:
    """Chromium with an empty profile in this folder; it is gone afterwards."""
    options = ChromeOptions()
    for argument in (*_OPTIONS, f"--user-data-dir={home}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    options.binary_location = _program("chromium")
    options.unhandled_prompt_behavior = "ignore"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(_program("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def _program(name: str) -> str:
    return shutil.which(name) or pytest.fail(
        f"there is no {name}: `{' '.join(INSTALL)}` installs what these tests need"
    )


def _here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"file", "data", "blob", "about"} or parts.hostname in {"127.0.0.1", "localhost", "::1"}
