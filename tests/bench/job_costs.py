"""What a million jobs cost the control plane at list prices (us-east-1, on demand), from what was counted.

DynamoDB's part is counted in its own way: requests do not tell units, see `tests.aws.table_units`. How long a function
runs is billed and cannot be counted here, where moto answers in place of AWS; so it is assumed, by what it does.
"""

from collections.abc import Mapping
from typing import Final

from paddock.adapters.simulation.metered import GB_SECOND, INVOCATION, MESSAGE
from paddock.adapters.simulation.parameters import Functions
from tests.bench.job_calls import PHASES, POLLS, TOLD, Counted

DOLLAR: Final = 1_000_000  # micro-dollars
LOG_GB: Final = 500_000  # micro-dollars: CloudWatch Logs takes a gigabyte in
PLATFORM_LINES: Final = 350  # bytes: what Lambda itself writes of an invocation (START, END, REPORT)
MEMORY: Final = Functions().memory  # MiB

VCPU: Final = 1_769  # MiB that get a whole one [AWS]
CPU_OF_INVOCATION: Final = 3  # milliseconds on a whole one, the webhook's apart
CPU_OF_WEBHOOK: Final = 1
CPU_OF_CALL: Final = 1  # boto3's, measured on several operations at 0.5 to 1.5
WAITS: Final[Mapping[str, int]] = {
    "dynamodb": 8,
    "sqs": 8,
    "ec2": 100,
    "ec2:CreateFleet": 1_500,
    "s3": 30,
    "secretsmanager": 20,
}
"""Milliseconds that a call is waited for, by service or by operation [assumed]."""
WAIT_FOR_GITHUB: Final = 250  # milliseconds [assumed]

ASSUMED: Final = (
    f"functions of {MEMORY} MiB on arm64, that is {MEMORY / VCPU:.2f} vCPU, need {CPU_OF_INVOCATION} ms of a whole one "
    f"for an invocation ({CPU_OF_WEBHOOK} for a webhook) and {CPU_OF_CALL} for a call; they wait: for DynamoDB, SQS "
    f"{WAITS['sqs']} ms, CreateFleet {WAITS['ec2:CreateFleet']}, GitHub {WAIT_FOR_GITHUB}"
)
LEFT_OUT: Final = (
    "machines, their log shipping and heartbeats, sweeps, cold starts, idle polling, storage, and what AWS gives for "
    "nothing every month"
)


def billed_ms(counted: Counted) -> float:
    """Milliseconds that the functions run for all of the jobs, as far as the assumptions are right."""
    slow = VCPU / MEMORY
    total = 0.0
    for name, count in counted.invocations.items():
        if name != "schedules":
            total += count * slow * (CPU_OF_WEBHOOK if name == "webhook" else CPU_OF_INVOCATION)
    for (kind, action), count in counted.calls.items():
        if kind in PHASES and kind != "machine":
            total += count * (slow * CPU_OF_CALL + WAITS.get(action, WAITS[action.partition(":")[0]]))
    return total + sum(counted.github.values()) * (slow * CPU_OF_CALL + WAIT_FOR_GITHUB)


def costs(counted: Counted, table: float) -> dict[str, float]:
    """Dollars for a million jobs, by what is paid for. `table`: those for DynamoDB's units."""
    invocations = sum(count for name, count in counted.invocations.items() if name != "schedules")
    sent = sum(n for (kind, action), n in counted.calls.items() if kind in PHASES and action.startswith("sqs:"))
    polled, told = counted.of(POLLS), counted.of(TOLD)
    lines = sum(n for name, n in counted.log_bytes.items() if name != "schedules") + invocations * PLATFORM_LINES
    gigabyte_seconds = billed_ms(counted) / 1_000 * MEMORY / 1_024
    micro = {
        "SQS: what is sent": sent * MESSAGE,
        "SQS: receives and deletes of pollers": polled * MESSAGE,
        "SQS: what EventBridge puts there": told * MESSAGE,
        "Lambda: requests": invocations * INVOCATION,
        "Lambda: time, assumed": gigabyte_seconds * GB_SECOND,
        "CloudWatch Logs: the functions' lines": lines / 1e9 * LOG_GB * 1e6,
    }
    return {"DynamoDB: units": table, **{name: each / DOLLAR / counted.jobs for name, each in micro.items()}}
