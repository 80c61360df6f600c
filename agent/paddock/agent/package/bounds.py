"""How much patience, time and room a download is given."""

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Spans are seconds, sizes are bytes.

    ``min_free`` must be free before anything is downloaded. Each place is tried ``tries`` times, with pauses of
    ``pause``, then twice that, and so on. All of it together may take ``deadline``. A download that brings less than
    ``min_speed`` bytes per second over a ``window`` is ended, and so is one of more than ``max_bytes``; a server that
    says nothing at all is waited for no longer than ``silence``.
    """

    min_free: int = GIB
    tries: int = 3
    pause: float = 1.0
    deadline: float = 900.0
    min_speed: int = 50_000
    window: float = 60.0
    silence: float = 30.0
    max_bytes: int = 2 * GIB
    redirects: int = 5
