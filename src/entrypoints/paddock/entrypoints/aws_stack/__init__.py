"""A stack of a fleet on AWS, as whoever operates it makes, changes, looks at and removes it, with their own rights.

Nothing is re-exported: its settings, its template and its price can be had without boto3, an extra.
"""
