"""AWS's own clients, and botocore as the judge of requests: would AWS have taken them?"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from botocore.validate import ParamValidator

from tests.http_stub import Seen

REGION = "eu-west-1"
SIGNED_BY = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
}

SECRET, TOKEN = "secret/+key", "session/+token=="  # what every role of a machine's metadata has
_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, url: str) -> Any:  # noqa: ANN401 - botocore makes its classes as it runs
    """A real client of AWS's own making, for the control plane's side."""
    return _session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@cache
def model(service: str) -> Any:  # noqa: ANN401 - as above
    """AWS's own description of a service."""
    return _session().get_service_model(service)


def breaches_of(seen: Seen, sessions: Mapping[str, tuple[str, str]] | None = None) -> list[str]:
    """What AWS would not take in a request: its signature, its protocol, its body; [] if nothing.

    `sessions` are secret and token of the sessions that STS gave, by access key; all else signs with the usual ones.
    """
    target, _, operation = seen.headers.get("x-amz-target", "").rpartition(".")
    service = SIGNED_BY.get(target, "") or ("sts" if seen.body.startswith(b"Action=") else "s3")
    given = seen.headers["authorization"]
    secret, token = (sessions or {}).get(_ACCESS_KEY.findall(given)[0], (SECRET, TOKEN))
    right = signature_of(seen, service, secret=secret, token=token) == given
    found = [] if right else [f"{operation}: wrong signature"]
    if target:
        described = model(service)
        version = f"application/x-amz-json-{described.metadata['jsonVersion']}"
        if described.metadata["targetPrefix"] != target or seen.headers["content-type"] != version:
            found.append(f"{operation}: wrong protocol")
        report = ParamValidator().validate(seen.json, described.operation_model(operation).input_shape)
        if report.has_errors():
            found.append(f"{operation}: {report.generate_report()}")
    return found


def signature_of(seen: Seen, service: str, *, secret: str = SECRET, token: str = TOKEN) -> str:
    """The Authorization header that botocore would have sent with the same request."""
    given = dict(part.split("=", 1) for part in seen.headers["authorization"].partition(" ")[2].split(", "))
    names = given["SignedHeaders"].split(";")
    access_key, _, region, scope, _ = given["Credential"].split("/")
    url = f"http://{seen.headers['host']}{seen.path}"
    request = AWSRequest(
        method=seen.method,
        url=url,
        data=seen.body,
        params=dict(seen.query),
        headers={name: seen.headers[name] for name in names},
    )
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer = kind(BotoCredentials(access_key, secret, token), service, region)
    request.context["timestamp"] = seen.headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert scope == service
    return f"AWS4-HMAC-SHA256 Credential={given['Credential']}, SignedHeaders={';'.join(names)}, Signature={signature}"
