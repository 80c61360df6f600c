"""The configuration file ``paddock.yml``: read, checked whole, and turned into values.

`load` gives a `Config` or raises `InvalidConfig` with every problem at once; `validate` gives the problems. Each
problem knows its line and column and says what to write instead. Secrets are never in the file: it says where they are.
"""

from paddock.adapters.config.load import load, validate
from paddock.adapters.config.problems import InvalidConfig, Problem
from paddock.adapters.config.secrets import SecretRef
from paddock.adapters.config.values import AppConfig, Config, GitHubConfig, Hook, LocalConfig, RunnerPin, SlackConfig

__all__ = [
    "AppConfig",
    "Config",
    "GitHubConfig",
    "Hook",
    "InvalidConfig",
    "LocalConfig",
    "Problem",
    "RunnerPin",
    "SecretRef",
    "SlackConfig",
    "load",
    "validate",
]
