"""`Queue` on SQS: one standard queue with its dead-letter queue.

Nothing is re-exported: what is data here, a role's rights, can be had without boto3.
"""
