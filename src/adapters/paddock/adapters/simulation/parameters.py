"""How fast the world is where nothing goes wrong. Every default says where it comes from.

Sources: [Depot] Depot's published runner start-ups; [CarbonRunner] its public statistics of webhooks and starts;
[AWS] documentation of the service named; [runner] GitHub's actions/runner, source and documentation; [ours] the fleet's
own budget or setting; [assumed] nobody has published it.
"""

import attrs

from paddock.adapters.memory.github.values import Timings
from paddock.adapters.simulation.draws import Draw, always, between
from paddock.core.units import MILLISECOND, MINUTE, SECOND, Span


@attrs.frozen
class Travel:
    """How long messages are on their way.

    ``webhook``: from GitHub's event to intake's answer; median 2 s, p90 3 s, p95 143 to 162 s [CarbonRunner], at most
    ten minutes [assumed]. ``event``: from EC2's event through EventBridge to the queue [assumed]. ``report``: from a
    machine to the queue [assumed].
    """

    webhook: Draw = Draw(
        (
            (0, SECOND),
            (500, 2 * SECOND),
            (900, 3 * SECOND),
            (940, 10 * SECOND),
            (950, 150 * SECOND),
            (1000, 10 * MINUTE),
        )
    )
    event: Draw = Draw(((0, 500 * MILLISECOND), (500, SECOND), (990, 5 * SECOND), (1000, MINUTE)))
    report: Draw = between(30 * MILLISECOND, 200 * MILLISECOND)


@attrs.frozen
class Functions:
    """How the fleet's steps run.

    ``concurrency``: invocations at once per queue; Lambda begins with 5 and may be told another limit [AWS].
    ``window``: how long a batch is collected [ours; AWS's default is none]. ``pick_up``: from a visible message to the
    invocation [assumed]. ``cold``: a fresh environment: Python alone takes 67 to 106 ms (published means of ten), our
    imports up to 350 ms [ours]. ``keep``: how long an idle environment stays warm [assumed: AWS promises nothing].
    ``per_message``: work before anything comes of a message, a few table calls of some milliseconds [AWS: single-digit
    milliseconds for each]. ``time_out``: when an invocation is killed [ours: visibility is six times as long].
    ``sweep``, ``sweep_github`` and ``pools`` are the schedules [ours]. ``memory`` is MiB, ``intake`` and ``sweeping``
    are how long taking in a webhook and a sweep are billed [assumed].
    """

    concurrency: int = 5
    window: Span = 0
    pick_up: Draw = between(10 * MILLISECOND, 50 * MILLISECOND)
    cold: Draw = between(420 * MILLISECOND, 600 * MILLISECOND)
    keep: Span = 5 * MINUTE
    per_message: Span = 25 * MILLISECOND
    time_out: Span = MINUTE
    sweep: Span = MINUTE
    sweep_github: Span = 5 * MINUTE
    pools: Span = MINUTE
    memory: int = 256
    intake: Span = 10 * MILLISECOND
    sweeping: Span = SECOND


@attrs.frozen
class Hosts:
    """What happens on a machine once its system is up.

    ``prepare``: from the orders to the runner's start, below one second [ours]. ``handshake``: from there until it
    listens: mean 3.7 s, p99 39 s, at most 121 s [Depot]. ``acquire``: from GitHub's choice to the job's start
    [assumed]. ``leave``: from the job's end to power-off [ours]. ``orders``: how long orders are waited for [ours].
    ``look``: how soon a pool's machine finds its orders: it looks every second [ours].
    ``cancel``: how long a running step takes to stop: 7.5 s after SIGINT, then 2.5 s [runner]. ``heartbeat`` [ours].
    ``notice``: how soon a spot notice is seen: it is looked for every 5 s [ours]. ``interrupt``: how long before the
    machine is taken its runner is stopped, ``spot_wait`` how long after that moment it powers itself off [ours].
    ``session``: how long GitHub takes a silent runner for online [assumed: the listener polls every 50 s].
    """

    prepare: Draw = between(300 * MILLISECOND, SECOND)
    handshake: Draw = Draw(
        (
            (0, 1_500 * MILLISECOND),
            (500, 2_300 * MILLISECOND),
            (900, 3_500 * MILLISECOND),
            (980, 10 * SECOND),
            (990, 39 * SECOND),
            (1000, 121 * SECOND),
        )
    )
    acquire: Draw = between(200 * MILLISECOND, 800 * MILLISECOND)
    leave: Draw = between(500 * MILLISECOND, 2 * SECOND)
    cancel: Draw = between(SECOND, 10 * SECOND)
    orders: Span = 10 * MINUTE
    look: Draw = between(0, SECOND)
    heartbeat: Span = 5 * MINUTE
    notice: Draw = between(0, 5 * SECOND)
    interrupt: Span = 45 * SECOND
    spot_wait: Span = 5 * MINUTE
    session: Span = MINUTE


@attrs.frozen
class Rates:
    """GitHub's limits for one installation of the App, that is for one organisation.

    ``per_hour``: 5,000 requests [GitHub; grows with the organisation up to 12,500]. ``jit_per_minute``: 900 points a
    minute for one endpoint, 5 for each write, so 180 [GitHub].
    """

    per_hour: int | None = 5_000
    jit_per_minute: int | None = 180


@attrs.frozen
class Parameters:
    """All of it.

    ``timings`` are GitHub's own deadlines: a runner has 60 s to take its job [GitHub], a lease lasts ten minutes
    [runner], a job waits for a day [GitHub].

    ``one_table``: orders lie beside the records, as on AWS, so that both are written in one step; and there machines
    leave their signs of life, the start of a job among them, which they report elsewhere; and of a job that succeeded
    GitHub's word is enough.

    ``keep`` is how long what has ended stays in the stores before it is streamed out [ours]: longer than any message of
    it can be on its way.
    """

    travel: Travel = Travel()
    functions: Functions = Functions()
    hosts: Hosts = Hosts()
    rates: Rates = Rates()
    timings: Timings = Timings(assignment=MINUTE)
    keep: Span = 15 * MINUTE
    one_table: bool = True


AT_ONCE = Parameters(
    travel=Travel(webhook=always(0), event=always(0), report=always(0)),
    functions=Functions(pick_up=always(0), cold=always(0), per_message=0),
    hosts=Hosts(
        prepare=always(0),
        handshake=always(0),
        acquire=always(0),
        leave=always(0),
        cancel=always(0),
        look=always(0),
        notice=always(0),
    ),
    rates=Rates(None, None),
    one_table=False,
)
"""Everything takes no time that need not take any: for stories in tests, which go by the minute."""
