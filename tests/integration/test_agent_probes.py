"""The agent's check on this very machine: real directories, programs, a real TLS server, and the commands."""

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from paddock.agent.check.probes import MANIFEST, baked, gather, libraries, place, tls
from paddock.agent.machine.clock import SECOND
from paddock.entrypoints.cli.app import main


def runner(folder: Path, listener: str = "#!/bin/sh\necho 2.336.0\n", **manifest: object) -> Path:
    """A runner as an image has it."""
    (folder / "bin").mkdir(parents=True)
    path = folder / "bin" / "Runner.Listener"
    path.write_text(listener, encoding="utf-8")
    path.chmod(0o755)
    if manifest:
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_a_directory_that_can_be_written(tmp_path: Path) -> None:
    """Its free space is told, one that is still to be made counts as its parent does, and no trace is left."""
    found = place(tmp_path / "later" / "work")
    assert (found.writable, found.trouble) == (True, "")
    assert found.free > 0
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written() -> None:
    """Not even by root: a file in its place, or a system without files."""
    found = place(Path("/proc/paddock-cache"))
    assert not found.writable
    assert found.trouble.startswith("/proc: ")


def test_a_baked_runner_is_asked_for_its_version(tmp_path: Path) -> None:
    """The manifest's date and the Listener's own word."""
    found = baked(runner(tmp_path / "r", version="2.336.0", verified_at="2026-11-01T00:00:00Z"))
    assert (found.version, found.listener, found.trouble) == ("2.336.0", "2.336.0", "")
    assert found.verified_at == int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * SECOND
    assert baked(runner(tmp_path / "s", version="2", verified_at="yesterday")).verified_at is None


def test_a_baked_runner_that_is_none(tmp_path: Path) -> None:
    """No manifest, one that is no manifest, a Listener that crashes or is not there: each has its words."""
    assert baked(runner(tmp_path / "a")).trouble == f"{MANIFEST}: No such file or directory"
    assert baked(runner(tmp_path / "b", other=1)).trouble == f"{MANIFEST} names no version"
    broken = runner(tmp_path / "c", version="2")
    (broken / MANIFEST).write_text("{", encoding="utf-8")
    assert baked(broken).trouble == f"{MANIFEST} is no JSON"
    crash = "#!/bin/sh\necho 'Couldn'\"'\"'t find a valid ICU package' >&2\nexit 134\n"
    assert baked(runner(tmp_path / "d", crash, version="2")).trouble.endswith("Couldn't find a valid ICU package")
    gone = runner(tmp_path / "e", version="2")
    (gone / "bin" / "Runner.Listener").unlink()
    assert "No such file" in baked(gone).trouble


def test_the_loader_knows_libraries() -> None:
    """Where ldconfig is, it lists at least the C library."""
    found = libraries()
    assert found is None or any(name.startswith("libc.so") for name in found)


@contextmanager
def tls_server(folder: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A web server with TLS on loopback, and what to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))

    class Quiet(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Tests print enough."""

    server = HTTPServer(("127.0.0.1", 0), Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that does not trust it is no news
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1], ssl.create_default_context(cafile=str(pem))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_host_is_asked_by_tls(tmp_path: Path) -> None:
    """It answers, and its clock is near ours as it is the same; one that is not trusted, or not there, is told so."""
    with tls_server(tmp_path) as (port, trust):
        answer, clock = tls("localhost", port, trust)
        assert (answer.ok, answer.said) == (True, f"localhost:{port} answers")
        assert clock is not None
        assert abs(clock / SECOND - datetime.now(UTC).timestamp()) < 60
        answer, clock = tls("localhost", port)
        assert (answer.ok, clock) == (False, None)
        assert "TLS" in answer.said
    answer, clock = tls("localhost", port, trust)
    assert (answer.ok, clock) == (False, None)
    assert "refused" in answer.said


def test_the_facts_of_a_machine_of_the_box(tmp_path: Path) -> None:
    """Its directory, its cache and its orders are looked at, and nothing is left behind."""
    machine = tmp_path / "m-1"
    machine.mkdir()
    facts = gather(None, machine, tmp_path / "cache", network=False)
    assert facts.assignment is not None
    assert facts.assignment.ok
    assert (facts.root, facts.is_machine) == (os.geteuid() == 0, False)
    assert facts.memory is not None
    assert facts.github is None
    assert list(tmp_path.rglob("*")) == [machine]
    (machine / "process.json").touch()
    again = gather(None, machine, None, network=False)
    assert again.assignment is not None
    assert "a machine lives once" in again.assignment.said


def test_paddock_agent_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table, and exit code 1 for a machine that has no directory; 0 for this one in general."""
    assert main(["agent", "--check", "--machine-dir", str(tmp_path / "none")]) == 1
    said = capsys.readouterr().out
    assert "✗ assignment" in said
    assert "next:" in said
    assert said.startswith(f"In {tmp_path / 'none'}, an agent would wait for assignment.json")


def test_paddock_agent_check_of_bad_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named with what is wrong in it; the rest is checked all the same."""
    (tmp_path / "agent.json").write_text("{}", encoding="utf-8")
    assert main(["agent", "--check", "--config", str(tmp_path / "agent.json")]) == 1
    said = capsys.readouterr().out
    assert "✗ settings" in said
    assert "Python" in said


def test_paddock_agent_passes_its_words_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options of the agent's own reach it; words that it does not know end with its usage and exit code 2."""
    none = str(tmp_path / "none")
    assert main(["agent", "local", "--machine-dir", none, "--cache-dir", none]) == 2
    assert "wanted an existing directory" in capsys.readouterr().err
    assert main(["agent", "frobnicate"]) == 2
    assert "paddock-agent" in capsys.readouterr().err


def test_the_check_runs_without_the_command_line(tmp_path: Path) -> None:
    """On a machine there is only the agent: the standard library is enough."""
    agent, contracts = (Path(__file__).parents[2] / name for name in ("agent", "contracts"))
    program = f"import sys; sys.path[:0] = {[str(agent), str(contracts)]!r}\n"
    program += (
        f"from paddock.agent.check.command import main; sys.exit(main(['--machine-dir', {str(tmp_path / 'no')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ assignment" in done.stdout
