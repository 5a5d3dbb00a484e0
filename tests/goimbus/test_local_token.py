import time
from pathlib import Path

import pytest

from auth.check import AuthRules, check_body
from auth.grant import RoomGrant
from auth.keys import HS256, KeyRing, make_key
from auth.tokens import TokenRules
from goimbus.errors import DataFolderDamaged
from goimbus.local_secrets import FILE, load_secrets
from goimbus.local_token import local_token

SECRET = "a secret of the tests with enough bytes"


def rules(secret: str, kid: str = "1", issuer: str = "") -> AuthRules:
    ring = KeyRing.of([make_key(kid, HS256, secret)])
    return AuthRules(TokenRules(ring, audience="goimbus", issuer=issuer))


def test_the_secret_of_the_data_folder_signs_a_token_for_the_room(tmp_path: Path) -> None:
    secret = load_secrets(tmp_path, {})["GOIM_AUTH_SECRET"]
    token = local_token(tmp_path, {}, 7, "vip://1")
    grant = check_body(token, rules(secret), time.time()).grant
    assert (grant.mid, grant.rooms) == (7, [RoomGrant("vip://1", True, True, True)])
    assert 3500 < grant.expires_at - time.time() <= 3700


def test_the_environment_wins_and_gives_key_name_and_issuer(tmp_path: Path) -> None:
    load_secrets(tmp_path, {})
    variables = {
        "GOIM_AUTH_SECRET": SECRET,
        "GOIM_AUTH_KID": "k2",
        "GOIM_AUTH_ISSUER": "us",
    }
    token = local_token(tmp_path, variables, 7, "")
    assert check_body(token, rules(SECRET, "k2", "us"), time.time()).grant.mid == 7


def test_without_a_secret_there_is_no_token_and_no_file_is_made(tmp_path: Path) -> None:
    assert local_token(tmp_path, {}, 7, "") == ""
    assert not (tmp_path / FILE).exists()


def test_a_private_key_is_not_used_as_a_secret(tmp_path: Path) -> None:
    assert local_token(tmp_path, {"GOIM_AUTH_SECRET": "-----BEGIN PRIVATE KEY-----"}, 7, "") == ""


def test_a_damaged_data_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DataFolderDamaged):
        local_token(tmp_path, {}, 7, "")
