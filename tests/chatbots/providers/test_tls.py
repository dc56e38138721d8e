"""Providers are spoken to over TLS: verified, and within the same deadline."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatbots.providers.client import BoundedTransport
from tests.chatbots.providers.raw_server import Conversation, RawServer, drip, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a certificate for 127.0.0.1, which signs itself, and its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def over_tls(certificate: Path, converse: Conversation) -> Conversation:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def converse_encrypted(server: RawServer, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            converse(server, encrypted)
            encrypted.recv(1)
            raise ConnectionError("closed by the client")

    return converse_encrypted


@pytest.fixture
def client(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with httpx2.Client(transport=BoundedTransport()) as client:
        yield client


def address(server: RawServer) -> str:
    return server.url.replace("http:", "https:")


def test_it_is_answered(certificate: Path, client: httpx2.Client) -> None:
    converse = over_tls(certificate, saying(OK + b"Content-Length: 2\r\n\r\n{}"))
    with RawServer(converse) as server:
        assert client.post(address(server), json={}, timeout=15).json() == {}
        client.close()
        assert server.left.wait(60)


def test_a_certificate_of_another_is_refused(certificate: Path) -> None:
    with (
        RawServer(over_tls(certificate, saying(OK))) as server,
        httpx2.Client(transport=BoundedTransport()) as client,
    ):
        with pytest.raises(httpx2.TransportError, match="CERTIFICATE_VERIFY_FAILED"):
            client.post(address(server), json={}, timeout=15)
        assert server.left.wait(60)
        assert not server.requests


def test_what_drips_is_cut_off(certificate: Path, client: httpx2.Client) -> None:
    def converse(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        drip(connection, OK + b"Content-Length: 1000000\r\n\r\n", b"x")

    with RawServer(over_tls(certificate, converse)) as server:
        with pytest.raises(httpx2.TimeoutException):
            client.post(address(server), json={}, timeout=0.5)
        assert server.left.wait(60)
