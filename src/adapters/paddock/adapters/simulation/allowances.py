"""How long things may take in a simulated world before they count as wrong."""

import attrs

from paddock.adapters.simulation.faults import FaultPlan
from paddock.core.units import HOUR, MINUTE, Span


@attrs.frozen
class Allowances:
    """How long things may take that cannot be at once.

    ``purpose``: a machine that nobody needs; time in which sweeps failed is not counted. ``unheard``: a job that GitHub
    has queued and the fleet does not know. ``still``: a job that GitHub has queued, with nothing in its way and nothing
    done about it. ``unseen``: a machine that dies sooner than this may never be written down,
    and then is never billed. ``noticed``: how much longer than its life a machine may be billed. ``closed``: how long
    after its end something may still be open.
    """

    purpose: Span = 15 * MINUTE
    unheard: Span = 15 * MINUTE
    still: Span = 30 * MINUTE
    unseen: Span = 4 * MINUTE
    noticed: Span = 0
    closed: Span = HOUR

    @staticmethod
    def under(plan: FaultPlan) -> "Allowances":
        """Where calls fail, whoever repeats them needs longer."""
        return Allowances(unheard=HOUR, still=HOUR, unseen=15 * MINUTE, closed=2 * HOUR) if plan.calls else Allowances()
