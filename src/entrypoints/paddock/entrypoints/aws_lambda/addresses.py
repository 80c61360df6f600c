"""Where AWS's services are, for who asks them without boto3."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def base_of(service: str, region: str, endpoints: Mapping[str, str]) -> str:
    """The address of a service: the one that was set for it, else AWS's own.

    Args:
        service: its name in addresses, such as secretsmanager.
        region: the region, whose partition decides the domain.
        endpoints: addresses by service that replace AWS's own.
    """
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return endpoints.get(service) or f"https://{service}.{region}.{domain}"


def queue_base(url: str, endpoints: Mapping[str, str]) -> str:
    """The address at which a queue is asked: the one that was set for SQS, else its own."""
    parts = urlsplit(url)
    return endpoints.get("sqs") or f"{parts.scheme}://{parts.netloc}"
