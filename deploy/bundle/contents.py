"""What goes into each bundle: whose code it is, and whose code it may need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
BOXES: Final = tuple(ROOT / box for box in ("src/core", "src/adapters", "src/entrypoints", "contracts"))
OWN: Final = "paddock"


@attrs.frozen
class Bundle:
    """One archive.

    ``handlers`` are the modules whose ``handler`` Lambda calls; what they import decides what is in the archive.
    ``packages`` are all the packages of others that may come along: an import of any other fails the build if it is
    ours, and is taken for optional if it is theirs. ``without`` are modules that an import statement names and that
    the functions do without.
    """

    name: str
    handlers: tuple[str, ...]
    packages: frozenset[str]
    without: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """The archive's name."""
        return f"{self.name}.zip"


_FUNCTIONS: Final = "paddock.entrypoints.aws_lambda"

WEBHOOK: Final = Bundle(
    "paddock-webhook",
    (f"{_FUNCTIONS}.webhook",),
    frozenset({"attr", "attrs", "msgspec"}),
    # The codec, for messages of kinds that no webhook brings.
    without=frozenset({"paddock.adapters.wire"}),
)

FUNCTIONS: Final = Bundle(
    "paddock-functions",
    tuple(f"{_FUNCTIONS}.{name}" for name in ("dispatch", "events", "reports", "schedules", "slack")),
    frozenset(
        {
            *("attr", "attrs", "cattrs", "typing_extensions"),  # the core
            *("dependency_injector", "msgspec"),
            *("yaml", "jsonschema", "jsonschema_specifications", "referencing", "rpds", "idna"),  # the configuration
            *("httpx", "httpcore", "h11", "certifi"),  # GitHub; without anyio, which only asynchronous calls need
            "tzdata",  # time zones, of pools' schedules: nobody promises that Lambda's images have them
            *("jinja2", "markupsafe"),  # the page of the daily cost report
            *("cryptography", "_cffi_backend"),  # the App's token
            *("botocore", "jmespath", "dateutil", "six", "urllib3"),  # AWS; without boto3, which only adds to botocore
        }
    ),
    # PyYAML's C parser: our loader is a subclass of the one in Python.
    without=frozenset({"yaml._yaml", "yaml.cyaml"}),
)

BUNDLES: Final = (WEBHOOK, FUNCTIONS)

DATA: Final[Mapping[str, str]] = {
    "certifi": "cacert.pem",
    "jsonschema_specifications": "schemas/**/*",
    "tzdata": "**/*",
}
"""Files of others that are read as the functions run, as patterns below the package. botocore's are made anew."""

OWN_DATA: Final[Mapping[str, str]] = {"paddock.contracts": "*.json", "paddock.adapters.report.page": "templates/*"}
"""The same of ours. A module that reads files from beside itself and is not named here fails the build."""

STANDARD_IMPORTS: Final[Mapping[str, tuple[str, ...]]] = {"zoneinfo": ("tzdata",)}
"""What Python's own modules import from outside, if it is there."""

COMPILED_IMPORTS: Final[Mapping[str, tuple[str, ...]]] = {"cryptography": ("_cffi_backend",)}
"""What compiled code imports from outside its own package, where no source says so."""
