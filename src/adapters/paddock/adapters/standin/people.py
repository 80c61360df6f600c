"""GitHub's JSON of users, organisations, Apps and repositories, in the whole length GitHub sends it."""

from typing import Any

import attrs

from paddock.adapters.memory.github import Repository
from paddock.core.units import Moment, rfc3339

Json = dict[str, Any]

# The names of the URLs that every repository object carries: their path below the API's repository URL.
_REPOSITORY_URLS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_USER_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_ORGANISATION_URLS = {
    "repos_url": "/repos",
    "events_url": "/events",
    "hooks_url": "/hooks",
    "issues_url": "/issues",
    "members_url": "/members{/member}",
    "public_members_url": "/public_members{/member}",
}


@attrs.frozen
class Place:
    """Where the stand-in is: ``web`` is what people open, ``api`` what programs call."""

    web: str

    @property
    def api(self) -> str:
        """The REST interface."""
        return f"{self.web}/api/v3"

    def repository_api(self, full_name: str) -> str:
        """The repository's REST URL."""
        return f"{self.api}/repos/{full_name}"


def account_id(login: str) -> int:
    """The account's id: one that only depends on its name, so that every object agrees on it."""
    number = 0
    for letter in login.casefold():
        number = (number * 131 + ord(letter)) % 89_999_999
    return 10_000_000 + number


def user(place: Place, login: str, kind: str = "User") -> Json:
    """A ``simple-user``; kind is ``User``, ``Organization`` or ``Bot``."""
    api = f"{place.api}/users/{login}"
    return {
        "login": login,
        "id": account_id(login),
        "node_id": f"U_{account_id(login):012x}",
        "avatar_url": f"{place.web}/avatars/u/{account_id(login)}?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{place.web}/{login}",
        **{name: api + path for name, path in _USER_URLS.items()},
        "type": kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def organization(place: Place, login: str) -> Json:
    """The ``organization`` object of webhooks."""
    api = f"{place.api}/orgs/{login}"
    return {
        "login": login,
        "id": account_id(login),
        "node_id": f"O_{account_id(login):012x}",
        "url": api,
        **{name: api + path for name, path in _ORGANISATION_URLS.items()},
        "avatar_url": f"{place.web}/avatars/u/{account_id(login)}?v=4",
        "description": "",
    }


def minimal_repository(place: Place, repository: Repository) -> Json:
    """The repository object inside runs."""
    api = place.repository_api(repository.full_name)
    return {
        "id": repository.id,
        "node_id": f"R_{repository.id:012x}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": user(place, repository.owner, "Organization"),
        "html_url": f"{place.web}/{repository.full_name}",
        "description": None,
        "fork": False,
        "url": api,
        **{name: api + path for name, path in _REPOSITORY_URLS.items()},
    }


def full_repository(place: Place, repository: Repository, now: Moment) -> Json:
    """The repository as ``GET /repos/{owner}/{repo}`` shows it."""
    return {**hook_repository(place, repository, now), "network_count": 0, "subscribers_count": 0}


def hook_repository(place: Place, repository: Repository, now: Moment) -> Json:
    """The ``repository`` object of webhooks."""
    page, stamp = f"{place.web}/{repository.full_name}", rfc3339(now)
    return {
        **minimal_repository(place, repository),
        "created_at": stamp,
        "updated_at": stamp,
        "pushed_at": stamp,
        "git_url": f"git:{page.partition(':')[2]}.git",
        "ssh_url": f"git@{place.web.partition('//')[2]}:{repository.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 1024,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "Python",
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": 0,
        "license": None,
        "allow_forking": repository.allow_forking,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if repository.private else "public",
        "forks": 0,
        "open_issues": 0,
        "watchers": 0,
        "default_branch": repository.default_branch,
        "custom_properties": {},
    }
