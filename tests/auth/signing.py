"""Keys, tokens and rules for the tests, and tokens that no honest issuer would make."""

import json
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.check import AuthRules
from auth.keys import KeyRing, make_key
from auth.tokens import TokenRules

NOW = 1_800_000_000
SECRET = "the secret of the tests, 32 bytes and more"
OTHER_SECRET = "another secret of the tests that is as long"
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"goimbus tests").digest())
PUBLIC_KEY = PRIVATE_KEY.public_key()
PUBLIC_PEM = PUBLIC_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PUBLIC_BASE64 = b64encode(PUBLIC_KEY.public_bytes_raw()).decode()
RING = KeyRing.of([make_key("1", "HS256", SECRET), make_key("ed", "EdDSA", PUBLIC_PEM)])
TOKENS = TokenRules(RING, audience="goimbus", issuer="https://site.example")
SIGNED_ONLY = AuthRules(TOKENS)
OPEN = AuthRules(TOKENS, unsigned=True)


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims of member 123 with some changed, or left out by None."""
    values = {"sub": "123", "exp": NOW + 60, "aud": "goimbus", "iss": "https://site.example"}
    values |= changes
    return {name: value for name, value in values.items() if value is not None}


def token(**changes: Any) -> str:
    """Return a token with these claims, signed with the secret under kid 1."""
    return jwt.encode(claims(**changes), SECRET, "HS256", {"kid": "1"})


def forge(header: Any, payload: Any, secret: bytes = SECRET.encode()) -> str:
    """Return three parts with any header and payload, signed with HMAC SHA-256 all the same."""
    signed = f"{_part(header)}.{_part(payload)}"
    return f"{signed}.{_encode(digest(secret, signed.encode(), 'sha256'))}"


def _part(value: Any) -> str:
    return _encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
