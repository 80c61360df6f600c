"""What GitHub refuses in the manifest of an App."""

import json
import re
from urllib.parse import urlsplit

_KEYS = """
    name url hook_attributes redirect_url callback_urls setup_url description public default_events default_permissions
    request_oauth_on_install setup_on_update
"""
_PERMISSIONS = """
    actions administration checks codespaces contents dependabot_secrets deployments environments issues metadata
    packages pages pull_requests repository_hooks repository_projects secret_scanning_alerts secrets security_events
    single_file statuses vulnerability_alerts workflows members organization_administration organization_custom_roles
    organization_hooks organization_plan organization_projects organization_secrets organization_self_hosted_runners
    organization_user_blocking team_discussions emails followers profile starring
"""
_EVENTS = """
    check_run check_suite create delete deployment deployment_status fork issue_comment issues label member milestone
    organization public pull_request pull_request_review push release repository repository_dispatch star status team
    watch workflow_dispatch workflow_job workflow_run
"""
_LEVELS = frozenset({"read", "write", "admin"})
_EVENT_NEEDS = {"workflow_job": "actions", "workflow_run": "actions", "check_run": "checks", "check_suite": "checks"}
_UNREACHABLE = re.compile(r"localhost|127\.|10\.|192\.168\.|\[::1\]")


def problems_of(text: str) -> list[str]:
    """What GitHub holds against a manifest, in words like its own; nothing if it takes it.

    Seen in reports of others: a ``hook_attributes`` without ``url`` (called "url"), a ``secret`` in it, events that
    Apps are sent unasked, a webhook that nobody outside can reach.
    """
    try:
        manifest = json.loads(text)
    except ValueError:
        return ["Error: the manifest is no JSON."]
    if not isinstance(manifest, dict):
        return ["Error: the manifest is no object."]
    hook, permissions = manifest.get("hook_attributes"), manifest.get("default_permissions", {})
    events = manifest.get("default_events", [])
    wrong = [f'Error: "{key}" is not a permitted key.' for key in manifest if key not in _KEYS.split()]
    wrong += [f'Error: "{key}" wasn\'t supplied.' for key in ("url", "redirect_url") if not manifest.get(key)]
    if hook is not None:
        wrong += [f'Error: "{key}" is not a permitted key.' for key in hook if key not in {"url", "active"}]
        wrong += [] if hook.get("url") else ['Error: "url" wasn\'t supplied.']
        host = urlsplit(hook.get("url") or "").netloc
        if _UNREACHABLE.match(host) and hook.get("active", True):
            wrong.append("Error: Hook url is not supported because it isn't reachable over the public Internet")
    wrong += [f"Error: Default permission records resource is not included in the list: {key}"
              for key in permissions if key not in _PERMISSIONS.split()]  # fmt: skip
    wrong += [f"Error: {key}: {level} is no access" for key, level in permissions.items() if level not in _LEVELS]
    wrong += [f"Error: Default events unsupported: {one}" for one in events if one not in _EVENTS.split()]
    wrong += [f"Error: Default events {one} is not permitted without {need}"
              for one, need in _EVENT_NEEDS.items() if one in events and need not in permissions]  # fmt: skip
    return wrong
