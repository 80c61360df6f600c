"""AWS without boto3, for functions whose start must be short: signed requests over one kept connection.

It knows the services that speak JSON, of SQS only the sending, and of errors what they mean to a caller.
"""

from paddock.adapters.aws_http.credentials import Credentials, environment_credentials
from paddock.adapters.aws_http.service import JsonService
from paddock.adapters.aws_http.sqs import SqsSender

__all__ = ["Credentials", "JsonService", "SqsSender", "environment_credentials"]
