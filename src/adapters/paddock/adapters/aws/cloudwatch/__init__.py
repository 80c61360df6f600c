"""What a stack used, by AWS's own metrics.

Nothing is re-exported: what is data here, a role's rights, can be had without boto3.
"""
