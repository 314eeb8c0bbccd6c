"""The run's certificate authority: it is made at the start, lives for a week at most, and its key is nowhere but here.

No file holds the key, so nothing is left of it when the process ends. A certificate is made for each name that a client
asks for.
"""

import datetime
from collections.abc import Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from cpproxy.core.hosts import parse_address

LIFETIME = datetime.timedelta(days=7)
_SKEW = datetime.timedelta(hours=1)
"""How far a client's clock may be behind."""

_HTTP = (b"h2", b"http/1.1", b"http/1.0")
_KEPT = 256
_LONGEST_NAME = 64  # RFC 5280, appendix A: what a common name may hold


def _choose_protocol(_: SSL.Connection, offers: Sequence[bytes]) -> bytes | object:
    """The first protocol of HTTP that the client offers (RFC 7301)."""
    return next((one for one in offers if one in _HTTP), SSL.NO_OVERLAPPING_PROTOCOLS)


class Authority:
    """A self-signed authority, and what it certifies. `certificate` is its own as PEM."""

    def __init__(self, now: datetime.datetime) -> None:
        self._begin, self._end = now - _SKEW, now - _SKEW + LIFETIME
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"cpproxy trap {now:%Y-%m-%d %H:%M:%S}")
        own = (
            _certificate(self._name, self._name, self._key.public_key(), self._begin, self._end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self._certificate = own.sign(self._key, hashes.SHA256())
        self.certificate = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_alpn_select_callback(_choose_protocol)  # type: ignore[arg-type]  # bytes or that object
        self._certify = lru_cache(maxsize=_KEPT)(self._make)

    def connection(self, name: str) -> SSL.Connection:
        """The server's side of one TLS connection, with a certificate for a host name or an address."""
        connection = SSL.Connection(self._context)
        connection.use_certificate(self._certify(name))
        connection.use_privatekey(self._leaf)
        connection.set_accept_state()
        return connection

    def _make(self, name: str) -> x509.Certificate:
        subject = _name(name if len(name) <= _LONGEST_NAME else "cpproxy trap")
        made = (
            _certificate(subject, self._name, self._leaf.public_key(), self._begin, self._end)
            .add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._leaf.public_key()), critical=False)
        )
        return made.sign(self._key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    address = parse_address(name)
    return x509.IPAddress(address) if address else x509.DNSName(name)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
