"""Where GitHub's interface is, given where GitHub is.

====================================  ==============================  =========================
what the user sees                    its REST interface
====================================  ==============================  =========================
``https://github.com``                ``https://api.github.com``
``https://octocorp.ghe.com``          ``https://api.octocorp.ghe.com``  data residency
``https://github.example.com``        ``…/api/v3``                    Enterprise Server
``http://127.0.0.1:8080``             ``…/api/v3``                    a stand-in on this machine
====================================  ==============================  =========================
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import attrs

from paddock.core.errors import InvalidInput

PUBLIC_API = "https://api.github.com"


@attrs.frozen
class Endpoints:
    """``web`` is what people open, ``api`` is what programs call; neither ends with a slash."""

    web: str
    api: str

    @property
    def local(self) -> bool:
        """True if the interface is on this machine."""
        return is_loopback(urlsplit(self.api).hostname or "")

    @property
    def public(self) -> bool:
        """True for github.com itself."""
        return self.api == PUBLIC_API


def endpoints_of(url: str, api_url: str | None = None) -> Endpoints:
    """The endpoints of the GitHub at `url`. `api_url` overrides what would follow from it.

    Raises:
        InvalidInput: not a plain https URL (http is for hosts on this machine alone).
    """
    web = _checked("github.url", url)
    if api_url is not None:
        return Endpoints(_text(web), _text(_checked("github.api_url", api_url)))
    host = (web.hostname or "").removeprefix("www.")
    if web.path:
        raise InvalidInput("github.url", url, "must be the host alone, e.g. https://github.com")
    if host == "api.github.com":
        raise InvalidInput("github.url", url, "must be what people open: https://github.com")
    if host == "github.com":
        return Endpoints("https://github.com", PUBLIC_API)
    if host.endswith(".ghe.com"):
        return Endpoints(_text(web), f"https://api.{web.netloc}")
    return Endpoints(_text(web), f"{_text(web)}/api/v3")


def is_loopback(host: str) -> bool:
    """True if `host` is this machine, by name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def same_origin(one: str, other: str) -> bool:
    """True if both URLs have the same scheme, host and port: only then may credentials go along."""
    try:
        return _origin(urlsplit(one)) == _origin(urlsplit(other))
    except ValueError:
        return False


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"https": 443, "http": 80}.get(url.scheme)


def _checked(field: str, url: str) -> SplitResult:
    try:
        split = urlsplit(url.strip())
        port_is_fine = split.port != 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or not split.hostname or split.scheme not in {"https", "http"}:
        raise InvalidInput(field, url, "must be a URL like https://github.com")
    if split.username is not None or split.password is not None:
        hidden = f"{split.scheme}://…@{split.hostname}"
        raise InvalidInput(field, hidden, "must not hold credentials: they belong into github.token or github.app")
    if split.query or split.fragment:
        raise InvalidInput(field, url, "must have neither query nor fragment")
    if split.scheme == "http" and not is_loopback(split.hostname):
        raise InvalidInput(field, url, "must be https: http would send credentials in the clear (allowed on loopback)")
    return split._replace(path=split.path.rstrip("/"), netloc=split.netloc.lower())


def _text(url: SplitResult) -> str:
    return f"{url.scheme}://{url.netloc}{url.path}"
