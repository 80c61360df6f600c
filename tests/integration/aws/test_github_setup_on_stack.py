"""`paddock github setup --env` for a stack on a moto server: secrets go to Secrets Manager and nowhere else."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from boto3.session import Session

from paddock.adapters.app_setup import Kept
from paddock.adapters.standin import GitHubStandIn
from paddock.core.errors import NotFound
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.aws_stack.secrets import GITHUB, WEBHOOK, StackKeeper, text_of
from paddock.entrypoints.cli.app import main
from tests.agent.standin_runner import eventually
from tests.aws.desk import Desk, operators_desk
from tests.aws.judge import REGION
from tests.aws.moto_types import URL
from tests.integration.test_documented_commands import AT_GITHUB, commands
from tests.visitor import consent, fetch, follow, install
from tests.wide import wide

pytestmark = pytest.mark.slow

CONFIG = """\
version: 1
github:
  url: {url}
  webhook_secret: {{env: NOT_HERE}}  # Secrets Manager has it
  app: {{id: 1, private_key: {{env: NOT_HERE}}}}
  repositories: [acme/*]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An operator's, where nothing is deployed yet."""
    with operators_desk(tmp_path) as made:
        yield made


def called(*words: str) -> tuple[int, str, str]:
    """Exit code, what was said, what was complained of."""
    with wide(), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(["github", *words])
    return code, out.getvalue(), err.getvalue()


def set_up(github: GitHubStandIn, *words: str) -> str:
    """Go the whole way, while the command waits; what it said."""
    out = io.StringIO()
    with wide(), redirect_stdout(out), ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(main, ["github", "setup", "--no-browser", *words])
        opened = eventually(lambda: out.getvalue().partition("\n")[0] if "\n" in out.getvalue() else "", "the page")
        page = follow(consent(fetch(opened.removeprefix("open "))))
        install(github.apps.body(github.apps.by_id[max(github.apps.by_id)])["html_url"] + "/installations/new")
        while 'id="made"' in page.text and not waiting.done():
            page = fetch(opened.removeprefix("open "))
        assert waiting.result(timeout=30) == 0
    return out.getvalue()


def test_an_apps_secrets_go_to_the_stacks_own(desk: Desk) -> None:
    """The page's line, between two deployments without secrets: none is in a file, and webhooks go to the stack."""
    secrets = desk.client("secretsmanager")
    with GitHubStandIn() as github:
        github.add_repository("my-org/app")
        config = CONFIG.format(url=github.url)
        (desk.home / "paddock.yml").write_text(config, encoding="utf-8")
        code, _, err = called("setup", "--env", "dev", "--no-browser")
        assert code == 1
        assert "`paddock stack deploy --env dev --no-secrets`" in err
        code, _, err = desk.paddock("deploy", "--env", "dev", "--yes")
        assert code == 1
        assert "--no-secrets" in err
        desk.deploy("dev", "--no-secrets")
        before = {path.name for path in desk.home.iterdir()}
        (command,) = (line for line in commands() if line.startswith(AT_GITHUB) and "--env" in line)
        said = set_up(github, *command.split()[3:])
        (app,) = github.apps.by_id.values()
        outputs = desk.outputs("dev")
        held = {name: secrets.get_secret_value(SecretId=outputs[name])["SecretString"] for name in (GITHUB, WEBHOOK)}
        assert held == {GITHUB: app.pem, WEBHOOK: app.webhook_secret}
        assert {path.name for path in desk.home.iterdir()} == before
        assert (desk.home / "paddock.yml").read_text("utf-8") == config.replace("id: 1,", f"id: {app.id},")
        assert (app.webhook_url, app.active) == (URL, True)
        assert "paddock stack deploy --env dev --no-secrets" in said
        assert app.webhook_secret not in said
        assert "PRIVATE KEY" not in said
        code, out, err = called("setup", "--env", "dev", "--no-browser", "--org", "acme")
        assert (code, out) == (1, "")
        assert "is filled already" in err
        app.webhook_url = "https://old.example.com/"
        code, out, err = called("webhook", "--env", "dev")
        assert (code, out, err) == (0, f"webhooks go to {URL}; before: https://old.example.com/\n", "")
        assert app.webhook_url == URL
        desk.deploy("dev", "--no-secrets")
        there = desk.parameters("dev")
        assert f"id: {app.id}," in desk.content(there["DeployBucket"], there["ConfigKey"]).decode()


def test_what_is_to_be_done_by_hand_does_it(desk: Desk) -> None:
    """The lines for whoever has to put the secrets there say which file goes to which; a lost one is told."""
    secrets = desk.client("secretsmanager")
    outputs = {name: secrets.create_secret(Name=f"paddock-dev/{name}")["ARN"] for name in (GITHUB, WEBHOOK)}
    places = Places(Session(), REGION, {"secretsmanager": desk.url})
    keeper = StackKeeper(places, outputs)
    keeper.check()
    first, second, last = keeper.by_hand(Path("a.pem"), Path("a.secret"))
    assert first.endswith(f"--region {REGION} --secret-id {outputs[GITHUB]} --secret-string file://a.pem")
    assert second.endswith(f"--secret-id {outputs[WEBHOOK]} --secret-string file://a.secret")
    assert last == "rm a.pem a.secret"
    secrets.delete_secret(SecretId=outputs[WEBHOOK], ForceDeleteWithoutRecovery=True)
    with pytest.raises(NotFound):
        keeper.keep(Kept("key", "secret"))
    assert text_of(places, outputs[GITHUB]) == "key"
    assert repr(Kept("key", "secret")) == "Kept()"
