"""What every page of ours has in common: one self-contained file that loads nothing and lets nothing run.

Its style is allowed by digest and nothing else is allowed at all, so that a job's name that slipped through the
escaping could neither run, nor load, nor send anything.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import attrs
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from paddock.adapters.report.text import clean, shortened

_PACKAGE = "paddock.adapters.report"


@attrs.frozen
class Share:
    """A part of a whole, in per cent from the left, with its name, the class that draws it, and its text."""

    name: str
    drawing: str
    x: float
    width: float
    text: str


def shares(parts: Sequence[tuple[str, str, int, str]], scale: int | None = None) -> Iterator[Share]:
    """The parts (name, drawing, amount, text) side by side, in per cent of `scale`: of their sum, if it is None."""
    whole = sum(amount for _, _, amount, _ in parts) if scale is None else scale
    so_far = 0
    for name, drawing, amount, text in parts:
        left, right = (round(edge * 100 / whole, 3) if whole else 0.0 for edge in (so_far, so_far + amount))
        yield Share(name, drawing, left, round(right - left, 3), text)
        so_far += amount


@attrs.frozen
class Style:
    """The style sheets of a page, one after the other, and the digest by which its policy allows them."""

    sheet: Markup
    digest: str


def style(*sheets: tuple[str, str]) -> Style:
    """The style made of these (package, file name in its templates)."""
    text = "".join(resource(package, name) for package, name in ((_PACKAGE, "base.css"), *sheets))
    digest = "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Style(Markup(text), digest)  # noqa: S704 - our own files, no input in them


def template(package: str, name: str, filters: Mapping[str, Callable[..., Any]] | None = None) -> Template:
    """A template of the package that prints nothing without escaping it, and may extend ``page.html.j2``."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        loader=FunctionLoader(lambda name: resource(_PACKAGE, name)),
    )
    environment.filters["shortened"] = shortened
    environment.filters.update(filters or {})
    return environment.from_string(resource(package, name))


def resource(package: str, name: str) -> str:
    """The text of a file in the package's templates."""
    return resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")


def _finalize(value: object) -> object:
    """Whatever a template prints passes here, before it is escaped."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
