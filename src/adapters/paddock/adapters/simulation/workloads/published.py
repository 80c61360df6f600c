"""What has been published about CI workloads, as far as the generator uses it. Assumptions are called so.

[B]  Bouzenia, Pradel: "Resource Usage and Optimization Opportunities in Workflows of GitHub Actions", ICSE 2024:
     952 repositories, 1.3 million runs, 3.7 million jobs, 23.7 million machine-minutes.
[T]  TravisTorrent: 679,517 builds of 2011 to 2016 with their minute; the shares were counted from it.
[E]  An evaluation of TravisTorrent's projects: builds a month p10 7, p50 26, p90 144, p99 753, most 9,263.
[R]  runs-on.com, 2026: more than 1.5 million jobs and 8 million vCPU a day, so 5.3 vCPU for the mean job.
"""

from paddock.adapters.simulation.workloads.quantiles import WHOLE, Quantiles
from paddock.core.units import HOUR, MILLISECOND

HOURS = (41, 34, 31, 28, 26, 28, 27, 29, 32, 34, 33, 32, 36, 43, 49, 54, 57, 57, 58, 56, 57, 58, 53, 48)
"""[T] Builds by hour of the day, all the world together, in UTC (the clock of the record, presumably)."""

OFFICE_HOURS = (4, 3, 2, 2, 2, 4, 10, 25, 60, 90, 100, 95, 65, 80, 100, 100, 95, 75, 45, 30, 22, 16, 10, 6)
"""An assumption: pushes by local hour where one office works from nine to six. The world's curve is flatter."""

WEEK = (155, 170, 169, 166, 158, 92, 90)
"""[T] Builds from Monday to Sunday: a day of the weekend has 0.56 of a working day's."""

CRON_MINUTES = tuple({0: 400, 30: 100, 15: 50, 45: 50}.get(minute, 7) for minute in range(60))
"""An assumption: scheduled runs by minute of the hour. Most people write 0, some 30."""

BURST = 14
"""[T] The hour's own factor is a gamma distribution of this shape and mean 1.

Counts of an hour vary 2.5 times as much as chance alone would have it, at 21 builds an hour: 1 + 21 / 14.
"""

SCHEDULED, FAILING, CANCELLED = 262, 174, 15
"""[B] Of 1,000 runs in repositories that pay: started by cron, ended as failure, ended as cancelled."""

PULL_REQUESTS = 594
"""[B] Of 1,000 runs that no cron started: for pull requests (386 of 650; the other pushes were to branches)."""

FAN_OUT = (
    (1, 5580), (2, 1380), (3, 950), (4, 850), (6, 530), (8, 340), (12, 210), (20, 100), (36, 40), (64, 16), (256, 4),
)  # fmt: skip
"""Jobs of a run, and how many of 10,000 runs have so many. [B] the mean, 2.85; the shape is an assumption.

256 is the most that GitHub lets one matrix have.
"""

LABELS = (
    (("paddock",), 39),
    (("paddock/cpu=4",), 24),
    (("paddock/cpu=8",), 12),
    (("paddock/cpu=2/arch=arm64",), 8),
    (("paddock/cpu=4/arch=arm64",), 7),
    (("paddock/cpu=16",), 7),
    (("paddock/cpu=32/spot=false",), 3),
)
"""Label sets and their shares of 100. [R] the mean, 5.2 vCPU; the shares are an assumption."""

# Closer where the curve bends: the upper end is where the load is.
_RANKS = (
    0, 1024, 2048, 4096, 6144, 8192, 10240, 12288, 14336, 16384, 18432, 20480, 22528, 24576, 26624, 28672, 30720,
    32768, 34816, 36864, 38912, 40960, 43008, 45056, 47104, 49152, 51200, 53248, 55296, 57344, 58368, 59392, 60416,
    61440, 62464, 63488, 64000, 64512, 64768, 65024, 65152, 65280, 65344, 65408, 65440, 65472, 65488, 65504, 65512,
    WHOLE,
)  # fmt: skip

DURATIONS = Quantiles(
    _RANKS,
    tuple(
        MILLISECOND * value
        for value in (
            2000, 4446, 6941, 11476, 15974, 20645, 25590, 30882, 36582, 42757, 49473, 56807, 64848, 73698, 83477,
            94331, 106434, 120000, 135296, 152654, 172502, 195392, 222057, 253489, 291070, 336790, 393632, 466298,
            562717, 697517, 787746, 901490, 1050185, 1254756, 1558812, 2074492, 2510548, 3238676, 3846115, 4848172,
            5675195, 7026156, 8131344, 9922033, 11376140, 13715933, 15603928, 18623836, 21047246, 21600000,
        )
    ),
)  # fmt: skip
"""How long a job takes: lognormal, median 2 minutes, sigma 1.53, cut at GitHub's six hours.

[B] the mean, 6.4 minutes; the median is an assumption. p95 is 25 minutes, p99 71.
"""

UNTIL_CANCELLED = DURATIONS.scaled(31, 10, 6 * HOUR)
"""How old a run is when the next push cancels it. [B] the mean, 19 minutes; the shape is that of the durations."""

SIZES = Quantiles(
    _RANKS,
    (
        1, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15, 17, 19, 21, 23, 26, 29, 32, 36, 41, 46, 52, 58, 67, 77, 90, 107,
        130, 145, 165, 189, 223, 272, 353, 420, 530, 621, 767, 886, 1077, 1231, 1477, 1674, 1987, 2236, 2628, 2940,
        9263,
    ),
)  # fmt: skip
"""[E] A repository's builds in a month: lognormal, median 26, sigma 1.4. A few repositories make most of the load."""
