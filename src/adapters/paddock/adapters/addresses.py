"""Hosts and ports as URLs have them."""


def authority(host: str, port: int) -> str:
    """``host:port``, with brackets around an address of IPv6: its own colons would be taken for the port's."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
