"""The mirror of a fleet on AWS: apart from the other factories, so that only the function that has it imports it."""

from typing import Final

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.files import HttpDownloads
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.core.ports.gauges import Gauges
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, Span
from paddock.core.usecases.assign import scopes_of
from paddock.core.usecases.house.mirror import Mirror
from paddock.entrypoints.aws_lambda.fleet_settings import FleetEnvironment

DEADLINE: Final[Span] = 4 * MINUTE  # for one package: two and their copies fit into a function's quarter of an hour


def make_mirror(
    environment: FleetEnvironment,
    settings: FleetSettings,
    clients: Clients,
    client: GitHubClient,
    clock: Clock,
    gauges: Gauges,
) -> Mirror | None:
    """Copies of the runner for every kind of machine that this stack has templates for; None if it has no bucket."""
    if not environment.cache:
        return None
    return Mirror(
        releases=client.releases,
        objects=S3Objects(clients, environment.cache, clock),
        downloads=HttpDownloads(deadline=DEADLINE),
        clock=clock,
        wanted=[(scope, arch) for scope in scopes_of(settings) for arch in settings.arches],
        gauges=gauges,
    )
