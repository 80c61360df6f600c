"""The table on DynamoDB: records of every kind, and machines' assignments, as items of one table.

Nothing is re-exported: what is data here, a role's rights, can be had without boto3.
"""
