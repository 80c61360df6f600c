"""Everything that can go wrong, as one flat tree.

::

    PaddockError
    ├── InvalidInput          bad labels, configuration, message or payload: names field, value, remedy
    ├── InvalidSignature      a webhook whose HMAC is missing or wrong
    ├── Conflict              a conditional write met another state; carries what stands there
    ├── IllegalTransition     an edge that the state tables do not have: a fault of ours
    ├── NotFound              the thing is not there (any more)
    ├── AccessDenied          the other side knows us and says no: credentials, permission, policy
    ├── Rejected              the other side says our request is wrong: repeating it is useless
    ├── Busy                  the thing is in use and will not let go (a runner with a job)
    ├── Throttled             too fast; says when to come back
    ├── Unavailable           a passing fault: network, 5xx, time-out, locked database
    ├── NoCapacity            no machine of the kinds asked for can be had now
    ├── TokenReused           an idempotency token came back with other parameters
    └── Unsupported           this fleet cannot do that at all

Adapters translate their vendor's errors into these and raise nothing else; ``retryable`` says whether the same
call may succeed later without anybody changing anything.
"""

from typing import ClassVar

from paddock.core.units import SECOND, Span


class PaddockError(Exception):
    """The root: whoever catches this catches every failure Paddock foresees."""

    retryable: ClassVar[bool] = False


class InvalidInput(PaddockError):  # noqa: N818
    """Input that names its field, its value and what would be right."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        """Args: the field's name (dotted path), the offending value, what to write instead."""
        super().__init__(f"{field} = {value!r}: {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class InvalidSignature(PaddockError):  # noqa: N818
    """A webhook delivery whose signature is missing or does not fit its body."""


class Conflict(PaddockError):  # noqa: N818
    """A conditional write met another state. ``current`` is the record that stands there."""

    def __init__(self, message: str, current: object = None) -> None:
        """Args: what was wanted, and the record found instead."""
        super().__init__(message)
        self.current = current


class IllegalTransition(PaddockError):  # noqa: N818
    """A change of state that the tables do not have. Never the world's fault, always ours."""


class NotFound(PaddockError):  # noqa: N818
    """The thing asked for does not exist, or no longer."""


class AccessDenied(PaddockError):  # noqa: N818
    """Credentials are wrong, or they lack a permission, or a policy of the other side forbids it."""


class Rejected(PaddockError):  # noqa: N818
    """The other side understood and refused the request itself (a bad group, a name taken)."""


class Busy(PaddockError):  # noqa: N818
    """The thing is in use: GitHub will not delete a runner that runs a job."""


class Throttled(PaddockError):  # noqa: N818
    """Too many requests. ``retry_after`` is the wait the other side asked for, as a span."""

    retryable = True

    def __init__(self, message: str, retry_after: Span = 60 * SECOND) -> None:
        """Args: who throttles and why, and how long to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(PaddockError):  # noqa: N818
    """A passing fault of the other side or of the way there."""

    retryable = True


class NoCapacity(PaddockError):  # noqa: N818
    """None of the machine types asked for can be had at the moment."""

    retryable = True


class TokenReused(PaddockError):  # noqa: N818
    """A launch token was used before with other parameters."""


class Unsupported(PaddockError):  # noqa: N818
    """This fleet can never do what was asked, e.g. run arm64 jobs on an x64 box."""
