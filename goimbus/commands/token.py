"""`goimbus token`: a signed token for a client, as its issuer would make it (docs/tokens.md)."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import click
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from goimbus.errors import DataFolderDamaged
from goimbus.local_secrets import FILE, load_secrets

SECRET = "GOIM_AUTH_SECRET"
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """`90s`, `15m`, `1h` or `30d`, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds, or end with a usage error."""
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is not like 90s, 15m, 1h or 30d", param, ctx)
        return int(found[1]) * UNIT_SECONDS[found[2]]


class Operations(click.ParamType[list[int]]):
    """`1000,1001`, as a list of numbers of 32 bits."""

    name = "operations"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """Return the numbers, or end with a usage error."""
        try:
            numbers = [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not like 1000,1001", param, ctx)
        if not all(-(2**31) <= number < 2**31 for number in numbers):
            self.fail(f"{value!r} has a number of more than 32 bits", param, ctx)
        return numbers


@click.command()
@click.option("--mid", type=click.IntRange(-(2**63), 2**63 - 1), required=True, help="The member.")
@click.option("--rooms", multiple=True, help="A room or pattern it opens; may be repeated.")
@click.option("--room", help="The room to enter at once.")
@click.option("--accepts", type=Operations(), help="Operations to receive, such as 1000,1001.")
@click.option("--key", help="The connection key; without it the client's or a random one.")
@click.option("--platform", help="A label such as web or ios.")
@click.option("--expires", type=Duration(), default="1h", show_default=True, help="From now on.")
@click.option("--audience", envvar="GOIM_AUTH_AUDIENCE", default="goimbus", show_default=True)
@click.option("--issuer", envvar="GOIM_AUTH_ISSUER")
@click.option(
    "--kid", envvar="GOIM_AUTH_KID", default="1", show_default=True, help="The key's name."
)
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The HS256 secret, or an Ed25519 private key as PEM.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="A data folder of `goimbus up`, for its secret.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print goim's auth JSON with the token in it."
)
def command(
    mid: int,
    expires: int,
    kid: str,
    secret_file: Path | None,
    data_dir: Path | None,
    as_json: bool,
    **optional: Any,
) -> None:
    """Print a signed token (JWT) for a member.

    Signs with the secret of --secret-file, --data-dir, GOIM_AUTH_SECRET, or the data folder
    GOIM_DATA_DIR, whichever comes first.
    """
    now = int(time.time())
    claims: dict[str, Any] = {"sub": str(mid), "iat": now, "exp": now + expires}
    names = {"audience": "aud", "issuer": "iss"}
    claims |= {names.get(name, name): value for name, value in optional.items() if value}
    token = _sign(claims, kid, _secret(secret_file, data_dir))
    click.echo(json.dumps({"mid": mid, "token": token}) if as_json else token)


def _sign(claims: dict[str, Any], kid: str, secret: str) -> str:
    headers = {"kid": kid}
    if "-----BEGIN" in secret:
        return jwt.encode(claims, _private_key(secret), "EdDSA", headers)
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise click.ClickException(f"the secret must have at least {MIN_SECRET_BYTES} bytes")
    return jwt.encode(claims, secret, "HS256", headers)


def _private_key(pem: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise click.ClickException("the PEM holds no private key that can be read") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise click.ClickException("the private key must be an Ed25519 one")
    return key


def _secret(secret_file: Path | None, data_dir: Path | None) -> str:
    if secret_file is not None:
        return secret_file.read_text().strip()
    if data_dir is None and (secret := os.environ.get(SECRET)):
        return secret
    folder = data_dir or Path(os.environ.get("GOIM_DATA_DIR") or ".goimbus")
    if not (folder / FILE).exists():
        raise click.ClickException(
            f"no secret: {SECRET} is not set, and there is no {folder / FILE} of a `goimbus up`"
        )
    try:
        return load_secrets(folder, {})[SECRET]
    except DataFolderDamaged as damaged:
        raise click.ClickException(str(damaged)) from damaged
