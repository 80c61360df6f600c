"""Judgements of the way from GitHub to the fleet: its webhook's settings, its deliveries, and what answers there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs

from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.units import DAY, Moment, Span, span_text

SETTINGS: Final = "webhook settings"
DELIVERIES: Final = "webhook deliveries"
ENDPOINT: Final = "webhook endpoint"
LOOKED_BACK: Final[Span] = DAY
_UNSIGNED, _FORBIDDEN = 401, 403
_MEANINGS: Final[Mapping[int, str]] = {
    0: "GitHub had no answer: nobody is there, or not within ten seconds",
    401: "the secret at GitHub and the fleet's differ",
    403: "whatever stands before the fleet lets GitHub not in",
    404: "the URL's path is another program's",
    503: "the fleet cannot read its secret or write its queue; its log says which",
}


@attrs.frozen(kw_only=True)
class Hook:
    """A webhook as GitHub has it. ``active`` and ``secret`` are None where GitHub does not say.

    ``url`` is empty where an App was made before it was known: its webhook is there, and goes nowhere.
    """

    url: str
    content_type: str
    active: bool | None = None
    secret: bool | None = None
    verified: bool = True


@attrs.frozen
class Delivered:
    """One delivery by GitHub's log. ``status`` 0: nothing answered. All attempts at one event share a ``guid``."""

    guid: str
    at: Moment
    status: int

    @property
    def ok(self) -> bool:
        """True if it was taken."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers


def judge_hook(hook: Hook | None, url: str, where: str, command: str) -> Iterator[Finding]:
    """Whether the webhook is set up so that GitHub reaches the fleet.

    Args:
        hook: what GitHub has; None: there is none.
        url: where it is to send; empty: that is not known here, and any address of https will do.
        where: the page on which it is set.
        command: what gives an App's webhook its URL.
    """
    if hook is not None and not hook.url:
        said = "the App was made without a URL: GitHub sends nothing"
        yield failure(SETTINGS, said, f"{command}, then tick 'Active' at {where}")
        return
    if hook is None:
        yield failure(SETTINGS, "there is no webhook", f"at {where}: activate it, with the URL {url or 'of the fleet'}")
        return
    wrong = []
    if url and _plain(hook.url) != _plain(url):
        wrong.append(failure(SETTINGS, f"GitHub sends to {hook.url}", f"at {where}: set the webhook's URL to {url}"))
    if hook.active is False:
        wrong.append(failure(SETTINGS, "it is not active", f"at {where}: tick 'Active'"))
    if hook.content_type != "json":
        said = f"its content type is {hook.content_type or 'unknown'}, which the fleet does not read"
        wrong.append(failure(SETTINGS, said, f"at {where}: choose application/json"))
    if hook.secret is False:
        fix = f"at {where}: set the secret that github.webhook_secret names"
        wrong.append(failure(SETTINGS, "it has no secret, so no delivery is signed and each is refused", fix))
    if not hook.verified:
        wrong.append(
            warning(SETTINGS, "GitHub does not verify the certificate", f"at {where}: enable SSL verification")
        )
    yield from wrong
    if not wrong:
        yield fine(SETTINGS, f"GitHub sends to {hook.url}, as JSON{', signed' if hook.secret else ''}")


def _plain(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.casefold(), parts.path.rstrip("/")


def judge_deliveries(deliveries: Sequence[Delivered], now: Moment, where: str) -> Finding:
    """How GitHub's last deliveries went. One that was repeated and taken then did not fail.

    Args:
        deliveries: of `LOOKED_BACK`, or the newest of them, in any order.
        now: the time.
        where: the page with GitHub's log.
    """
    recent = [one for one in deliveries if one.at > now - LOOKED_BACK]
    if not recent:
        said = f"GitHub has sent nothing for {span_text(LOOKED_BACK)}"
        return warning(
            DELIVERIES,
            said,
            f"if jobs were queued: see that the webhook is active and its events are ticked, at {where}",
        )
    taken = {one.guid for one in recent if one.ok}
    newest = {one.guid: one for one in sorted(recent, key=lambda one: one.at)}
    failed = [one for one in newest.values() if one.guid not in taken]
    last = max(one.at for one in recent)
    ago = f"the last one {span_text(max(0, now - last))} ago"
    if not failed:
        return fine(DELIVERIES, f"{len(newest)} were taken, {ago}")
    codes = Counter(one.status for one in failed)
    told = ", ".join(f"{status or 'no answer'} ({count})" for status, count in codes.most_common())
    share = 100 * len(failed) // len(newest)
    said = f"{len(failed)} of {len(newest)} failed ({share} %): {told}; {ago}"
    meaning = _MEANINGS.get(codes.most_common(1)[0][0], "see the answer there")
    fix = f"{meaning}; GitHub's log is at {where}. The fleet has failed ones sent again by itself"
    return (failure if 2 * len(failed) >= len(newest) else warning)(DELIVERIES, said, fix)


def judge_answer(url: str, status: int | None, said: str = "", *, deploy: str = "") -> Finding:
    """Whether our endpoint answers there: to a request that nobody signed it says 401.

    Args:
        url: where it is.
        status: HTTP's; None if nothing answered.
        said: why nothing answered.
        deploy: the command that deploys the fleet's stack; empty: it has none.
    """
    if status == _UNSIGNED:
        return fine(ENDPOINT, f"{url} answers, and refuses what is not signed")
    if status is None:
        fix = "see that the fleet runs, that DNS knows the name, and that nothing closes the port"
        return failure(ENDPOINT, f"{url} cannot be reached: {said}", fix)
    if status == _FORBIDDEN:
        fix = (
            f"{_MEANINGS[_FORBIDDEN]}: see its log and its rules"
            if not deploy
            else (
                "the function's URL lets nobody in: its resource policy lacks the two rights that the stack gives it "
                f"({deploy} mends that), or an organisation's policy forbids public URLs"
            )
        )
        return failure(ENDPOINT, f"{url} answers 403 before the fleet is asked", fix)
    fix = _MEANINGS.get(status, "something else answers there: check the URL, and what stands before the fleet")
    return failure(ENDPOINT, f"{url} answers {status} to what is not signed, and should answer 401", fix)
