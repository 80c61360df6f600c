"""What everybody who speaks with SQS must know: its limits, how batches are cut, what its codes mean.

It stands apart from boto3, which the webhook function does without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from paddock.core.errors import (
    AccessDenied,
    InvalidInput,
    NotFound,
    PaddockError,
    Rejected,
    Throttled,
    Unavailable,
    Unsupported,
)
from paddock.core.ports.system import Sleeper
from paddock.core.units import MILLISECOND, MINUTE, SECOND, Span

MAX_DELAY: Span = 15 * MINUTE
MAX_ENTRIES = 10  # of a batch, and of one receive
MAX_BYTES = 1_048_576  # of a message with its attributes, and of all messages of a batch
PAUSES: Sequence[Span] = (100 * MILLISECOND, 400 * MILLISECOND)  # before the failed entries are sent again

_LEGACY = "AWS.SimpleQueueService."

# Source: the errors that botocore's model of SQS documents for the operations we call. SQS gives a code in the words
# of its older protocol too, and AWS's own clients show those.
CODES: Mapping[str, type[PaddockError]] = {
    **dict.fromkeys(("QueueDoesNotExist", f"{_LEGACY}NonExistentQueue"), NotFound),
    **dict.fromkeys(("RequestThrottled", "OverLimit", f"{_LEGACY}OverLimit"), Throttled),
    **dict.fromkeys(("KmsThrottled", "KMS.ThrottlingException"), Throttled),
    **dict.fromkeys(("InvalidSecurity", "KmsAccessDenied", "KMS.AccessDeniedException"), AccessDenied),
    **dict.fromkeys(("KmsOptInRequired", "KMS.OptInRequired", "KmsDisabled", "KMS.DisabledException"), AccessDenied),
    **dict.fromkeys(("KmsNotFound", "KMS.NotFoundException"), NotFound),
    **dict.fromkeys(("KmsInvalidState", "KMS.InvalidStateException"), Unavailable),
    **dict.fromkeys(("UnsupportedOperation", f"{_LEGACY}UnsupportedOperation"), Unsupported),
    **dict.fromkeys(
        (
            *("InvalidMessageContents", "InvalidAddress", "InvalidAttributeName", "InvalidIdFormat"),
            *("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", "InvalidParameterValue", "MissingParameter"),
            *("ReceiptHandleIsInvalid", "MessageNotInflight", f"{_LEGACY}MessageNotInflight"),
            *("TooManyEntriesInBatchRequest", f"{_LEGACY}TooManyEntriesInBatchRequest"),
            *("EmptyBatchRequest", f"{_LEGACY}EmptyBatchRequest"),
            *("BatchEntryIdsNotDistinct", f"{_LEGACY}BatchEntryIdsNotDistinct"),
            *("BatchRequestTooLong", f"{_LEGACY}BatchRequestTooLong"),
            *("InvalidBatchEntryId", f"{_LEGACY}InvalidBatchEntryId"),
        ),
        Rejected,
    ),
}

# Answers to a receipt that is no longer, or never was, good for anything. SQS says InvalidParameterValue when the
# message is gone or not on loan; what else could be wrong with such a request, we send no request with.
STALE = frozenset(
    {
        *("ReceiptHandleIsInvalid", "InvalidIdFormat", "InvalidParameterValue"),
        *("MessageNotInflight", f"{_LEGACY}MessageNotInflight"),
    }
)


@attrs.frozen
class Failed:
    """An entry of a batch that was not taken. ``ours``: the request is at fault, and sending it again is useless."""

    id: str
    code: str
    text: str
    ours: bool


Body: TypeAlias = str
Batch: TypeAlias = Mapping[str, Body]
"""Message bodies by their ids, distinct within the batch."""

Post: TypeAlias = Callable[[Batch], Sequence[Failed]]
"""Sends one batch; the entries that were not taken."""


def delay_seconds(delay: Span) -> int:
    """The delay in whole seconds, rounded up: never seen too early.

    Raises:
        ValueError: it is negative or over 15 minutes.
    """
    if not 0 <= delay <= MAX_DELAY:
        raise ValueError(str(InvalidInput("delay", delay, f"must be from 0 to {MAX_DELAY} microseconds")))
    return whole_seconds(delay)


def whole_seconds(span: Span) -> int:
    """The span in seconds, rounded up."""
    return -(-span // SECOND)


def fitting(bodies: Sequence[Body]) -> Sequence[Body]:
    """The texts, if each of them is fit to be sent.

    Raises:
        Rejected: one is longer than SQS takes; nothing may have been sent by then.
    """
    longest = max(map(size_of, bodies), default=0)
    if longest > MAX_BYTES:
        raise Rejected(f"a message of {longest} bytes: SQS takes {MAX_BYTES}")
    return bodies


def size_of(body: Body) -> int:
    """What the body counts, in bytes."""
    return len(body) if body.isascii() else len(body.encode("utf-8", "surrogatepass"))


def batches(bodies: Sequence[Body]) -> Iterator[Batch]:
    """The bodies in order, in as few batches as SQS's limits allow. None of them may be over the limit alone."""
    batch: dict[str, Body] = {}
    size = 0
    for body in bodies:
        length = size_of(body)
        if len(batch) == MAX_ENTRIES or size + length > MAX_BYTES:
            yield batch
            batch, size = {}, 0
        batch[str(len(batch))] = body
        size += length
    if batch:
        yield batch


def deliver(batch: Batch, post: Post, sleeper: Sleeper, error: Callable[[Failed], PaddockError]) -> None:
    """Send a batch until every entry was taken; those that failed by SQS's fault go again after a pause.

    Args:
        batch: what to send.
        post: sends it.
        sleeper: waits between tries.
        error: one of our errors for an entry that was not taken.

    Raises:
        PaddockError: an entry was not taken at last, or its request is at fault. Others may have been taken.
    """
    for pause in (*PAUSES, None):
        failed = post(batch)
        if not failed:
            return
        errors = [error(each) for each in failed]
        hopeless = next((each for each in errors if not each.retryable), None)
        if hopeless is not None or pause is None:
            raise hopeless or errors[0]
        batch = {each.id: batch[each.id] for each in failed}
        sleeper.sleep(pause)


def entry_error(operation: str, failed: Failed, common: Mapping[str, type[PaddockError]]) -> PaddockError:
    """What the code of an entry means: SQS's own, a common one, or by whose fault it was."""
    kind = CODES.get(failed.code) or common.get(failed.code) or (Rejected if failed.ours else Unavailable)
    words = f"{operation}: {failed.code or 'no code'}: {failed.text}"
    return Throttled(words, 5 * SECOND) if kind is Throttled else kind(words)
