"""The files of a daily cost report, by suffix."""

from collections.abc import Callable, Mapping
from typing import Final

from paddock.adapters.report.cost_markdown import markdown
from paddock.core.cost_report import CostReport

RENDERINGS: Final[Mapping[str, Callable[[CostReport], str]]] = {"md": markdown}
