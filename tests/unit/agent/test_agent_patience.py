"""What a service that stalls costs the agent, against all that has its time on a machine."""

from paddock.agent.aws.service import Patience
from paddock.agent.job.life import Limits
from paddock.agent.telling import delivery
from paddock.core.settings import Deadlines
from paddock.core.units import MINUTE, SECOND

NOTICE = 2 * MINUTE  # how long before it EC2 tells that it takes a spot machine back ("Spot Instance interruptions")


def longest(patience: Patience) -> int:
    """Microseconds that a call takes at most if no try is answered: each try has one bound, whatever drips."""
    pauses = (min(patience.cap, patience.base * 2.0**number) for number in range(patience.attempts - 1))
    return int((patience.attempts * patience.timeout + sum(pauses)) * SECOND)


def test_a_report_that_stalls_is_given_up_within_the_last_flush() -> None:
    """Then it is told as not delivered, and lies on the disk; the machine is not kept on for it."""
    assert longest(Patience()) < delivery.PATIENCE * SECOND


def test_a_spot_notice_is_told_before_the_job_is_interrupted() -> None:
    """Though the first report of it stalls, there is time for another."""
    assert 2 * longest(Patience()) < NOTICE - Limits().spot_interrupt


def test_signs_of_life_that_stall_are_no_silence() -> None:
    """Of three in a row one gets through, late: the fleet does not take the machine for dead."""
    assert 2 * Limits().heartbeat + longest(Patience()) < Deadlines().silence
