"""What settings hold besides secrets: private keys and certificates, as text or as the path of a file. To be read in threads."""

import base64
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import Unavailable
from shared.settings import Secret

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def held(secret: Secret, name: str) -> bytes:
    """PEM, JWK or PKCS #12. Key Vault gives a certificate as base64 of PKCS #12, or as PEM. Raises Unavailable."""
    value = secret(name)
    if not value:
        raise Unavailable(f"the setting {name} has no value here")
    try:
        if value.startswith("MI"):  # every PKCS #12 begins so in base64
            return base64.b64decode("".join(value.split()), validate=True)
        text = "-----BEGIN" in value or value.lstrip().startswith("{")
        return value.encode() if text else Path(value).read_bytes()
    except (OSError, ValueError):
        raise Unavailable(f"the setting {name} holds neither a key or certificate nor the path of a file that can be read") from None


def valid(secret: Secret, names: Sequence[str], now: float) -> tuple[str, bytes]:
    """The first of these client certificates that is valid now, with its key, and the setting's name. Raises Unavailable."""
    pems = {name: _pem(name, held(secret, name)) for name in names if secret(name)}
    good = (name for name, pem in pems.items() if _holds(_leaf(name, pem), now))
    name = next(good, "")
    if not name:
        raise Unavailable(f"no client certificate that is valid now in {', '.join(names)}")
    return name, pems[name]


def ends(secret: Secret, name: str) -> datetime:
    """Until when a client certificate is valid. Raises Unavailable."""
    return _leaf(name, _pem(name, held(secret, name))).not_valid_after_utc


def trusting(secret: Secret, authority: str) -> ssl.SSLContext:
    """What TLS believes: the usual authorities, and the journal's own if it has one. Raises Unavailable."""
    made = ssl.create_default_context()
    if authority:
        try:
            made.load_verify_locations(cadata=held(secret, authority).decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise Unavailable(f"the setting {authority} holds no certificate of an authority, as PEM") from None
    return made


def show(made: ssl.SSLContext, name: str, pem: bytes) -> None:
    """Makes TLS show a certificate. OpenSSL takes it from a file only: ours is there for a moment. Raises Unavailable."""
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(pem)
            file.flush()
            made.load_cert_chain(file.name, password="")  # "": a locked key is refused, and nobody is asked at the terminal
    except (ssl.SSLError, OSError):
        raise Unavailable(f"the setting {name} holds no client certificate together with its own key") from None


def _holds(certificate: "Certificate", now: float) -> bool:
    return certificate.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) < certificate.not_valid_after_utc


def _leaf(name: str, pem: bytes) -> "Certificate":
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise Unavailable(f"the setting {name} holds no client certificate, as PEM or PKCS #12") from None


def _pem(name: str, content: bytes) -> bytes:
    """PKCS #12 without a password, as Key Vault has it, becomes PEM."""
    if b"-----BEGIN" in content:
        return content
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        found = pkcs12.load_pkcs12(content, None)
    except ValueError:
        raise Unavailable(f"the setting {name} holds no client certificate, as PEM or PKCS #12") from None
    if found.key is None or found.cert is None:
        raise Unavailable(f"the setting {name} holds no client certificate together with its own key")
    key = found.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    chain = (found.cert, *found.additional_certs)
    return key + b"".join(one.certificate.public_bytes(form.Encoding.PEM) for one in chain)
