# ruff: noqa: PTH118, PTH123 - pathlib slows the start
"""``config.sh`` and ``config.sh remove``: a registration by token, and its end."""

import os

from paddock.adapters.standin.runner.common import ROOT, Json, Service, complain, say
from paddock.adapters.standin.runner.local import configured, forget, read, unpack

EXIT_CONFIGURED, EXIT_NOT_CONFIGURED = 0, 1
FINE, NO_GROUP, TAKEN = 200, 410, 409
WORDS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalServerError"}
REGISTRATION = "actions/runner-registration"
ARCHITECTURES = {"x86_64": "X64", "aarch64": "ARM64"}


def configure(options: dict[str, str]) -> int:
    """Register with a token; the exit code."""
    if configured():
        complain("Cannot configure the runner because it is already configured. Run './config.sh remove' first.")
        return EXIT_NOT_CONFIGURED
    for name in ("url", "token"):
        if not options.get(name):
            complain(f"Invalid configuration provided for {name}. Terminating unattended configuration.")
            return EXIT_NOT_CONFIGURED
    if "no-default-labels" in options and not options.get("labels"):
        complain("'--no-default-labels' needs '--labels': a runner must have at least one label.")
        return EXIT_NOT_CONFIGURED
    labels = [label for label in options.get("labels", "").split(",") if label]
    if "no-default-labels" not in options:
        labels = ["self-hosted", "Linux", ARCHITECTURES.get(os.uname().machine, "X86"), *labels]
    body: Json = {
        "scope": options["url"].partition("://")[2].partition("/")[2],
        "name": options.get("name", os.uname().nodename),
        "labels": labels,
        "group": options.get("runnergroup", ""),
        "ephemeral": "ephemeral" in options,
        "replace": "replace" in options,
    }
    status, reply = _ask(options, "POST", body)
    if status == TAKEN:
        say("A runner exists with the same name")
        complain(f"A runner exists with the same name {body['name']}.")
    elif status == NO_GROUP:
        say("√ Connected to GitHub")
        complain(f'Could not find any self-hosted runner group named "{body["group"]}".')
    if status != FINE:
        return EXIT_NOT_CONFIGURED
    say("√ Connected to GitHub")
    unpack(str(reply["configuration"]), {"DisableUpdate": str("disableupdate" in options), "GitHubUrl": options["url"]})
    with open(os.path.join(ROOT, "svc.sh"), "w", encoding="utf-8") as script:
        script.write("#!/bin/bash\n")
    say("√ Successfully replaced the runner" if reply.get("replaced") else "√ Runner successfully added")
    say("√ Runner connection is good")
    say("√ Settings Saved.")
    return EXIT_CONFIGURED


def unconfigure(options: dict[str, str]) -> int:
    """``remove``: take the registration back and forget it; the exit code."""
    if not configured():
        say("Runner is not configured. Nothing to remove.")
        return EXIT_CONFIGURED
    settings = read(".runner")
    url = str(settings.get("GitHubUrl") or settings["ServerUrlV2"])
    status, _ = _ask({**options, "url": url}, "DELETE", {"runner": int(settings["AgentId"])})
    if status != FINE:
        complain("Failed: Removing runner from the server")
        return EXIT_NOT_CONFIGURED
    say("√ Runner removed successfully")
    forget()
    return EXIT_CONFIGURED


def _ask(options: dict[str, str], method: str, body: Json) -> tuple[int, Json]:
    """Ask the service; what went wrong has been said, unless it is the caller's to say."""
    scheme, _, rest = options["url"].partition("://")
    server = f"{scheme}://{rest.partition('/')[0]}"
    try:
        status, reply = Service(server, "register", options.get("token", "")).call(method, "", body)
    except (OSError, ValueError) as error:
        complain(f"An error occurred: {getattr(error, 'strerror', None) or error} ({server})")
        return 0, {}
    if status not in {FINE, NO_GROUP, TAKEN}:
        word = WORDS.get(status, str(status))
        complain(f"Http response code: {word} from 'POST {server}/api/v3/{REGISTRATION}'")
        complain(f'{{"message":"{reply.get("message", "")}","status":"{status}"}}')
        complain(f"Response status code does not indicate success: {status} ({word}).")
    return status, reply
