"""The page of ``paddock github setup``: what the App may do and why, one button, and then how far things are."""

import json
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

import attrs

from paddock.adapters.github.manifest import Wanted
from paddock.adapters.github.permissions import EVENTS, PURPOSES, permissions_of
from paddock.adapters.report.page import style, template

_PACKAGE = "paddock.adapters.app_setup"
_LEVELS = {"read": "read", "write": "read and write"}


class Stage(StrEnum):
    """How far it is."""

    ASKING = "asking"
    MADE = "made"
    INSTALLED = "installed"
    FAILED = "failed"


@attrs.frozen
class View:
    """What the page shows. ``link`` is where the App is installed, ``title`` and ``lines`` how it ended."""

    stage: Stage = Stage.ASKING
    link: str = ""
    title: str = ""
    lines: Sequence[str] = ()


class Page:
    """Draws it."""

    def __init__(self, wanted: Wanted, places: Sequence[str]) -> None:
        """Args: the App to be made, and where its secrets will be kept, in words."""
        self._wanted, self._places = wanted, places
        self._style = style((_PACKAGE, "setup.css"))
        self._template = template(_PACKAGE, "setup.html.j2")

    @property
    def policy(self) -> str:
        """What the page may do: be styled by its own sheet, and post to GitHub."""
        web = self._wanted.endpoints.web
        return (
            f"default-src 'none'; style-src '{self._style.digest}'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {web}"
        )

    def html(self, view: View, *, state: str, redirect_url: str) -> str:
        """The page as it is now."""
        wanted = self._wanted
        return self._template.render(
            title=f"Paddock: a GitHub App for {wanted.org or 'your account'}",
            view=view,
            style=self._style,
            permissions=[(*PURPOSES[name], _LEVELS[level]) for name, level in permissions_of(wanted.scope).items()],
            events=list(EVENTS.items()),
            webhook_url=wanted.webhook_url,
            org=wanted.org,
            places=self._places,
            form=wanted.form(state),
            manifest=json.dumps(wanted.manifest(redirect_url)),
            host=urlsplit(wanted.endpoints.web).netloc,
        )
