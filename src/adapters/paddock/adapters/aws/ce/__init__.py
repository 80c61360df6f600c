"""`RealCosts` by Cost Explorer.

Nothing is re-exported: what is data here, a role's rights, can be had without boto3.
"""
