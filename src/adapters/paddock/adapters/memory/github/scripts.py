"""What a scenario says of a job before it runs: its steps, and what goes wrong on the way."""

from collections.abc import Mapping

import attrs

from paddock.core.units import Span


@attrs.frozen
class Step:
    """One step of a job: a bash script, run as ``bash -e`` where something really runs it.

    ``always`` is the workflow's ``if: always()``: it runs after a failure and after a cancel by GitHub, but not after
    a shutdown of the runner.
    """

    name: str
    run: str = "true"
    env: Mapping[str, str] = attrs.field(factory=dict)
    always: bool = False


@attrs.frozen
class RunnerFaults:
    """What goes wrong at the runner. Each field is one fault; the ones of the registration hit `times` registrations.

    Of the registration: ``crash_before_session``, ``session_conflict``, ``version_too_old``, ``update_requested``,
    ``delete_while_idle_after`` (a span), ``clock_skew``, ``refused`` (at the session ``access_denied`` or,
    once, ``unhandled``, while it listens ``token_revoked`` or ``fatal``). Of the job: ``ghost`` (the acquire call fails
    once), ``worker_hang``, ``exit_2_on_cancel``, ``ignore_sigint`` (its steps do), ``big_output`` (bytes),
    ``job_name_injection``, ``disk_full`` (the worker crashes in the first step), ``network_cut`` (from its first
    renewal on the runner reaches nobody), ``duration`` (a span that the job sleeps in a step of its own), ``result``
    (the conclusion, whatever the steps say; ``success_with_issues`` is the runner's own).
    They apply to the first attempt only.
    """

    crash_before_session: bool = False
    session_conflict: bool = False
    version_too_old: bool = False
    update_requested: bool = False
    delete_while_idle_after: Span | None = None
    clock_skew: bool = False
    refused: str = ""
    times: int = 1
    ghost: bool = False
    worker_hang: bool = False
    exit_2_on_cancel: bool = False
    ignore_sigint: bool = False
    big_output: int = 0
    job_name_injection: bool = False
    disk_full: bool = False
    network_cut: bool = False
    duration: Span | None = None
    result: str | None = None

    @property
    def of_registration(self) -> bool:
        """True if a registration made for the job is to be hit."""
        return self.times > 0 and (
            self.crash_before_session
            or self.session_conflict
            or self.version_too_old
            or self.update_requested
            or self.delete_while_idle_after is not None
            or self.clock_skew
            or self.refused != ""
        )


@attrs.frozen
class DeliveryFaults:
    """What goes wrong with the webhooks of a job, by their action (``queued``, ``in_progress``, ``completed``).

    ``duplicate``: sent twice under one GUID. ``lost``: never sent, not even logged. ``failed``: logged as failed, and
    the receiver saw nothing. ``delayed``: sent so much later. ``held``: sent only after the delivery of another action
    of the same job (``{"queued": "in_progress"}``).
    """

    duplicate: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    delayed: Mapping[str, Span] = attrs.field(factory=dict)
    held: Mapping[str, str] = attrs.field(factory=dict)


NO_RUNNER_FAULTS = RunnerFaults()
NO_DELIVERY_FAULTS = DeliveryFaults()


@attrs.frozen
class JobScript:
    """A job as the workflow wrote it. ``environment`` names a protected one: the job waits until it is approved.

    ``lost_conclusion`` is what GitHub calls the job if its runner falls silent: it has been seen to say either
    ``failure`` or ``cancelled``.
    """

    name: str
    labels: tuple[str, ...]
    steps: tuple[Step, ...] = (Step("Run true"),)
    environment: str = ""
    faults: RunnerFaults = NO_RUNNER_FAULTS
    deliveries: DeliveryFaults = NO_DELIVERY_FAULTS
    lost_conclusion: str = "failure"
