"""EDGE the certificate that TLS ports show."""

import ssl


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return what servers need for TLS 1.2 and later. Raises OSError, ssl.SSLError is one too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context
