"""A token for this machine's own commands, signed with the secret of a `goimbus up` here."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt

from goimbus.local_secrets import FILE, load_secrets

EXPIRES_SECONDS = 3600
SECRET = "GOIM_AUTH_SECRET"


def local_token(folder: Path, variables: Mapping[str, str], mid: int, room: str) -> str:
    """Return a token for an hour that opens the room; `""` where there is no secret to sign with.

    Raises DataFolderDamaged.
    """
    secret = variables.get(SECRET, "")
    if not secret and (folder / FILE).exists():
        secret = load_secrets(folder, variables)[SECRET]
    if not secret or "-----BEGIN" in secret:
        return ""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": str(mid),
        "iat": now,
        "exp": now + EXPIRES_SECONDS,
        "aud": variables.get("GOIM_AUTH_AUDIENCE") or "goimbus",
    }
    if variables.get("GOIM_AUTH_ISSUER"):
        claims["iss"] = variables["GOIM_AUTH_ISSUER"]
    if room:
        claims["rooms"] = [room]
    headers = {"kid": variables.get("GOIM_AUTH_KID") or "1"}
    return jwt.encode(claims, secret, "HS256", headers)
