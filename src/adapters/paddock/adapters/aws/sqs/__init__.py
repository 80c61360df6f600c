"""`Queue` on SQS: one standard queue with its dead-letter queue."""

from paddock.adapters.aws.sqs.policy import CONSUMER, OPERATOR, PRODUCER
from paddock.adapters.aws.sqs.queue import SqsQueue

__all__ = ["CONSUMER", "OPERATOR", "PRODUCER", "SqsQueue"]
