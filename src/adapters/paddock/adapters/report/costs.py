"""The files of a daily cost report, by suffix."""

from collections.abc import Callable, Mapping
from typing import Final

from paddock.adapters.report.cost_markdown import markdown
from paddock.core.costs.report import CostReport


def _page(report: CostReport) -> str:
    from paddock.adapters.report.cost_page import page  # noqa: PLC0415 - jinja2 is for once a day

    return page(report)


RENDERINGS: Final[Mapping[str, Callable[[CostReport], str]]] = {"md": markdown, "html": _page}
