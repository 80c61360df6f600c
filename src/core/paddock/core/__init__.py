"""The domain of Paddock: no I/O, no vendor, no wall clock, no chance. Everything outside comes through `ports`.

This module is the public face: what a fleet of one's own is built from (``docs/library.md`` builds one). A name is
imported when it is first asked for, so that a program that needs one value does not load the whole domain.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.core.costs.ledger import Bill, CostLedger, LedgerEntry, Rates
    from paddock.core.decision import Decision
    from paddock.core.errors import InvalidInput, PaddockError
    from paddock.core.fleet import Fleet
    from paddock.core.job import Job, JobFacts
    from paddock.core.label_values import InvalidLabel
    from paddock.core.labels import parse_labels
    from paddock.core.messages import Assignment, JobObserved, JobRequested, Observed, RunCompleted, RunnerReported
    from paddock.core.ports.stores import Table
    from paddock.core.records import KINDS, Kind
    from paddock.core.runner import Runner
    from paddock.core.settings import Alias, Deadlines, FleetSettings, ForkPolicy, Limits, ScopeKind
    from paddock.core.spec import Arch, Market, Range, RetryMode, RunnerSpec
    from paddock.core.states import JobState, OperationalResult, RunnerState
    from paddock.core.usecases.explain import Explanation

__all__ = [
    "KINDS",
    "Alias",
    "Arch",
    "Assignment",
    "Bill",
    "CostLedger",
    "Deadlines",
    "Decision",
    "Explanation",
    "Fleet",
    "FleetSettings",
    "ForkPolicy",
    "InvalidInput",
    "InvalidLabel",
    "Job",
    "JobFacts",
    "JobObserved",
    "JobRequested",
    "JobState",
    "Kind",
    "LedgerEntry",
    "Limits",
    "Market",
    "Observed",
    "OperationalResult",
    "PaddockError",
    "Range",
    "Rates",
    "RetryMode",
    "RunCompleted",
    "Runner",
    "RunnerReported",
    "RunnerSpec",
    "RunnerState",
    "ScopeKind",
    "Table",
    "parse_labels",
]

_HOME = {
    "decision": ("Decision",),
    "errors": ("InvalidInput", "PaddockError"),
    "fleet": ("Fleet",),
    "job": ("Job", "JobFacts"),
    "labels": ("InvalidLabel", "parse_labels"),
    "costs.ledger": ("Bill", "CostLedger", "LedgerEntry", "Rates"),
    "messages": ("Assignment", "JobObserved", "JobRequested", "Observed", "RunCompleted", "RunnerReported"),
    "ports.stores": ("Table",),
    "records": ("KINDS", "Kind"),
    "runner": ("Runner",),
    "settings": ("Alias", "Deadlines", "FleetSettings", "ForkPolicy", "Limits", "ScopeKind"),
    "spec": ("Arch", "Market", "Range", "RetryMode", "RunnerSpec"),
    "states": ("JobState", "OperationalResult", "RunnerState"),
    "usecases.explain": ("Explanation",),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
