"""Certificates for tests: an authority, and what it gives to servers and clients. Made anew for every run."""

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> str:
        return self.certificate.public_bytes(form.Encoding.PEM).decode()

    @property
    def pem(self) -> str:
        """Certificate and key, as a client holds them."""
        return self.public + self.private

    @property
    def private(self) -> str:
        return self.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()

    @property
    def pkcs12(self) -> str:
        """As Key Vault gives it."""
        return base64.b64encode(pkcs12.serialize_key_and_certificates(b"x", self.key, self.certificate, None, form.NoEncryption())).decode()


@lru_cache
def authority(name: str = "ours") -> Issued:
    return _made(f"authority {name}", None, days=3650, host="")


def issued(name: str, by: Issued, *, days: float = 365, host: str = LOOPBACK) -> Issued:
    """For a server at `host`, or for a client; `days` until it ends."""
    return _made(name, by, days=days, host=host)


def _made(name: str, by: Issued | None, *, days: float, host: str) -> Issued:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if host:
        known = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        made = made.add_extension(x509.SubjectAlternativeName([known]), critical=False)
    return Issued(made.sign(by.key if by else key, hashes.SHA256()), key)


def server(own: Issued, clients_of: Issued | None = None) -> ssl.SSLContext:
    """A server's TLS; `clients_of`: it asks for a client certificate of that authority."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "own.pem"
        file.write_text(own.pem)
        made.load_cert_chain(file)
    if clients_of:
        made.load_verify_locations(cadata=clients_of.public)
        made.verify_mode = ssl.CERT_REQUIRED
    return made
