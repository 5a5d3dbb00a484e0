import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth.check import AuthRules, check_body
from auth.grant import RoomGrant
from auth.keys import HS256, KeyRing, make_key
from auth.tokens import TokenRules
from goimbus.__main__ import main
from goimbus.local_secrets import load_secrets

SECRET = "a secret of the tests with enough bytes"


def run(*words: str, **variables: str | None) -> Result:
    cleared: dict[str, str | None] = dict.fromkeys(
        ("GOIM_AUTH_SECRET", "GOIM_DATA_DIR", "GOIM_AUTH_AUDIENCE", "GOIM_AUTH_ISSUER")
    )
    return CliRunner().invoke(main, ["token", *words], env=cleared | variables)


def rules(secret: str = SECRET, kid: str = "1") -> AuthRules:
    ring = KeyRing.of([make_key(kid, HS256, secret)])
    return AuthRules(TokenRules(ring, audience="goimbus"))


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token.strip(), options={"verify_signature": False})


def test_a_printed_token_is_one_that_the_auth_service_takes() -> None:
    result = run(
        *("--mid", "123", "--rooms", "live://*", "--rooms", "vip://1", "--accepts", "1000,1001"),
        *("--expires", "1h", "--key", "K", "--platform", "web", "--room", "live://7"),
        GOIM_AUTH_SECRET=SECRET,
    )
    now = time.time()
    grant = check_body(result.stdout.strip(), rules(), now).grant
    assert (grant.mid, grant.key, grant.platform, grant.room) == (123, "K", "web", "live://7")
    assert grant.accepts == [1000, 1001]
    assert grant.rooms == [
        RoomGrant("live://*", True, True, True),
        RoomGrant("vip://1", True, True, True),
    ]
    assert 3590 < grant.expires_at - now < 3620


def test_json_is_ready_to_be_the_body_of_an_auth_frame() -> None:
    body = run("--mid", "5", "--json", GOIM_AUTH_SECRET=SECRET).stdout
    assert set(json.loads(body)) == {"mid", "token"}
    assert check_body(body, rules(), time.time()).grant.mid == 5


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)]
)
def test_the_time_is_a_number_with_a_unit(text: str, seconds: int) -> None:
    claims = claims_of(run("--mid", "5", "--expires", text, GOIM_AUTH_SECRET=SECRET).stdout)
    assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize("text", ["0h", "1", "1w", "-1h", "1.5h", ""])
def test_another_time_is_a_usage_error(text: str) -> None:
    result = run("--mid", "5", "--expires", text, GOIM_AUTH_SECRET=SECRET)
    assert result.exit_code == 2
    assert "is not like 90s, 15m, 1h or 30d" in result.stderr


@pytest.mark.parametrize("text", ["a", "1,,2", "2147483648", "1;2"])
def test_operations_are_numbers_of_32_bits(text: str) -> None:
    result = run("--mid", "5", "--accepts", text, GOIM_AUTH_SECRET=SECRET)
    assert result.exit_code == 2
    assert "--accepts" in result.stderr


def test_issuer_audience_and_kid_are_settings_of_the_service_too() -> None:
    result = run(
        *("--mid", "5"),
        GOIM_AUTH_SECRET=SECRET,
        GOIM_AUTH_AUDIENCE="site",
        GOIM_AUTH_ISSUER="me",
        GOIM_AUTH_KID="k7",
    )
    claims = claims_of(result.stdout)
    assert (claims["aud"], claims["iss"]) == ("site", "me")
    assert jwt.get_unverified_header(result.stdout.strip())["kid"] == "k7"


def test_the_secret_of_a_data_folder_signs(tmp_path: Path) -> None:
    secret = load_secrets(tmp_path, {})["GOIM_AUTH_SECRET"]
    by_variable = run("--mid", "5", GOIM_DATA_DIR=str(tmp_path))
    by_option = run("--mid", "5", "--data-dir", str(tmp_path), GOIM_AUTH_SECRET=SECRET)
    for result in (by_variable, by_option):
        assert check_body(result.stdout.strip(), rules(secret), time.time()).grant.mid == 5


def test_a_secret_file_signs_before_all_others(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    result = run("--mid", "5", "--secret-file", str(file), GOIM_AUTH_SECRET="x" * 40)
    assert check_body(result.stdout.strip(), rules(), time.time()).grant.mid == 5


def test_a_private_key_signs_with_eddsa(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    token = run("--mid", "5", "--kid", "ed", "--secret-file", str(file)).stdout.strip()
    decoded = jwt.decode(token, key.public_key(), ["EdDSA"], audience="goimbus")
    assert decoded["sub"] == "5"
    assert jwt.get_unverified_header(token)["kid"] == "ed"


def test_without_a_usable_secret_it_says_what_is_missing(tmp_path: Path) -> None:
    other = Ed448PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {"short": b"x", "other": pem, "broken": b"-----BEGIN PRIVATE KEY-----"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "secrets.json").write_text("{}")
    for words, expected in (
        (["--data-dir", str(tmp_path)], "no secret: GOIM_AUTH_SECRET is not set"),
        (["--data-dir", str(tmp_path / "damaged")], "can't be read"),
        (["--secret-file", str(tmp_path / "short")], "at least 32 bytes"),
        (["--secret-file", str(tmp_path / "other")], "must be an Ed25519 one"),
        (["--secret-file", str(tmp_path / "broken")], "no private key that can be read"),
    ):
        result = run("--mid", "5", *words)
        assert result.exit_code == 1
        assert expected in result.stderr
        assert result.stdout == ""
