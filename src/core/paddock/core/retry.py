"""When a job whose launch failed gets another one, and when it is given up."""

import attrs

from paddock.core.job import Job
from paddock.core.units import MINUTE, SECOND, Span

LONGEST_DELAY: Span = 15 * MINUTE  # of a message: the queue's own limit


@attrs.frozen
class Relaunch:
    """Try again, after `delay`."""

    delay: Span
    reason: str


@attrs.frozen
class GiveUp:
    """No further launch: the job is abandoned, and says why; ``quarantined`` if it failed in the same way again."""

    reason: str
    quarantined: bool = False


@attrs.frozen
class RetryPolicy:
    """The launch budget: rivals have launched thousands of machines for one stuck message.

    ``max_launches`` counts launches that gave a machine which served nobody. A failure that repeats word for word
    means that the machine or the image is broken, not unlucky: two of them in a row are enough.
    """

    max_launches: int = 3
    backoff: Span = 2 * SECOND

    def after_failure(self, job: Job, reason: str) -> Relaunch | GiveUp:
        """What follows a launch of `job` that came to nothing because of `reason`.

        ``job.failure`` still holds the previous failure's reason, if there was one.
        """
        spent = job.launch - job.displaced
        if spent >= self.max_launches:
            return GiveUp(
                f"launch budget spent: {spent} of {self.max_launches} launches failed, the last because {reason}"
            )
        if spent > 1 and job.failure == reason:
            return GiveUp(f"quarantined: two launches in a row failed in the same way: {reason}", quarantined=True)
        return Relaunch(min(self.backoff << max(0, spent - 1), LONGEST_DELAY), reason)
