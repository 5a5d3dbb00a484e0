"""DECIDE the keys that tokens are checked with: settings text in, a ring of keys out.

A key has a name (`kid`) and one algorithm, for ever: what a token's header says chooses among
these and does nothing else (RFC 8725 sections 3.1, 3.9 and 3.10).
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import InvalidKeyError, get_algorithm_by_name

from auth.errors import KeyRefused

HS256, EDDSA = "HS256", "EdDSA"
ALGORITHMS = (HS256, EDDSA)
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: as long as the hash
DEFAULT_KID = "1"
_ED25519_BASE64 = re.compile(r"[A-Za-z0-9_-]{43}=?")  # 32 bytes


class _KeyEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One key of GOIM_AUTH_KEYS as JSON."""

    kid: str
    alg: str
    key: str


@dataclass(frozen=True, slots=True)
class Key:
    """One key to check tokens with; prints without the key itself."""

    kid: str
    algorithm: str
    material: bytes | Ed25519PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by `kid`. A token without `kid` is checked with the key `1`, or with the only one."""

    by_kid: dict[str, Key] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Iterable[Key]) -> "KeyRing":
        """Make a ring. Raises KeyRefused when two keys have one name."""
        by_kid: dict[str, Key] = {}
        for key in keys:
            if key.kid in by_kid:
                raise KeyRefused(key.kid, "is there twice")
            by_kid[key.kid] = key
        return cls(by_kid)

    def find(self, kid: str | None) -> Key | None:
        """Return the key a token's header names, None when there is none."""
        if kid is not None:
            return self.by_kid.get(kid)
        if len(self.by_kid) == 1:
            return next(iter(self.by_kid.values()))
        return self.by_kid.get(DEFAULT_KID)

    def __bool__(self) -> bool:
        return bool(self.by_kid)


def parse_keys(text: str) -> list[Key]:
    """Read GOIM_AUTH_KEYS: a JSON array of {kid, alg, key}, or `kid:alg:key` with commas between.

    Raises KeyRefused.
    """
    text = text.strip()
    if text.startswith("["):
        return [make_key(entry.kid, entry.alg, entry.key) for entry in _entries(text)]
    parts = (part.strip() for part in text.split(","))
    return [_parse_part(number, part) for number, part in enumerate(parts, 1) if part]


def make_key(kid: str, algorithm: str, material: str) -> Key:
    """Return a key: an HS256 secret as text, an Ed25519 public key as PEM or raw base64.

    Raises KeyRefused.
    """
    if not kid:
        raise KeyRefused(kid, "has an empty name")
    if algorithm == HS256:
        return Key(kid, HS256, _secret(kid, material))
    if algorithm == EDDSA:
        return Key(kid, EDDSA, _ed25519(kid, material))
    raise KeyRefused(kid, f"must be for {' or '.join(ALGORITHMS)}")


def _entries(text: str) -> list[_KeyEntry]:
    try:
        return msgspec.json.decode(text, type=list[_KeyEntry])
    except (ValueError, RecursionError):
        raise KeyRefused("[...]", "is not JSON like {kid, alg, key}, all three text") from None


def _parse_part(number: int, part: str) -> Key:
    words = part.split(":", 2)
    if len(words) != 3:
        raise KeyRefused(f"number {number}", "is not kid:alg:key")
    return make_key(words[0].strip(), words[1].strip(), words[2].strip())


def _secret(kid: str, material: str) -> bytes:
    try:
        secret = material.encode()
    except UnicodeEncodeError:
        raise KeyRefused(kid, "is not UTF-8") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise KeyRefused(kid, f"has {len(secret)} bytes, at least {MIN_SECRET_BYTES} are needed")
    try:
        get_algorithm_by_name(HS256).prepare_key(secret)
    except InvalidKeyError:
        raise KeyRefused(kid, f"is a PEM or SSH key, which is no secret for {HS256}") from None
    return secret


def _ed25519(kid: str, material: str) -> Ed25519PublicKey:
    if "PRIVATE KEY" in material:
        raise KeyRefused(kid, "is a private key: the public one belongs here")
    if "-----BEGIN" in material:
        return _ed25519_from_pem(kid, material)
    raw = material.replace("+", "-").replace("/", "_")
    if not _ED25519_BASE64.fullmatch(raw):
        raise KeyRefused(kid, "is neither PEM nor the base64 of 32 bytes")
    return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(raw.rstrip("=") + "="))


def _ed25519_from_pem(kid: str, material: str) -> Ed25519PublicKey:
    lines = material.replace("\\n", "\n")  # how one-line settings write a line break
    try:
        key = load_pem_public_key(lines.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused(kid, "is a PEM that can't be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(kid, "is a public key, but no Ed25519 one")
    return key
