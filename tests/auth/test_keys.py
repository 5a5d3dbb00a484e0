import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auth.errors import KeyRefused
from auth.keys import Key, KeyRing, make_key, parse_keys

from .signing import OTHER_SECRET, PRIVATE_KEY, PUBLIC_BASE64, PUBLIC_KEY, PUBLIC_PEM, SECRET


def test_an_ed25519_key_is_read_from_pem_and_from_raw_base64_of_both_alphabets() -> None:
    url_safe = PUBLIC_BASE64.replace("+", "-").replace("/", "_").rstrip("=")
    one_line = PUBLIC_PEM.strip().replace("\n", "\\n")
    for text in (PUBLIC_PEM, one_line, PUBLIC_BASE64, url_safe):
        assert make_key("ed", "EdDSA", text).material == PUBLIC_KEY


def test_a_list_of_keys_is_parted_by_commas_and_colons() -> None:
    keys = parse_keys(f"1:HS256:{OTHER_SECRET}, ed:EdDSA:{PUBLIC_PEM},")
    assert [(key.kid, key.algorithm) for key in keys] == [("1", "HS256"), ("ed", "EdDSA")]


def test_a_secret_in_a_list_may_hold_colons() -> None:
    secret = "a:b:c:" + "x" * 32
    assert parse_keys(f"1:HS256:{secret}") == [Key("1", "HS256", secret.encode())]


def test_keys_may_be_json() -> None:
    entries = [
        {"kid": "a", "alg": "HS256", "key": SECRET},
        {"kid": "b", "alg": "EdDSA", "key": PUBLIC_PEM},
    ]
    assert [key.kid for key in parse_keys(json.dumps(entries))] == ["a", "b"]


def test_no_keys_are_no_keys() -> None:
    assert parse_keys("") == parse_keys(" , ") == parse_keys("[]") == []
    assert not KeyRing.of([])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1:HS256:short", "has 5 bytes, at least 32"),
        ("1:HS256", "is not kid:alg:key"),
        ("1:HS256:" + "\udcff" * 40, "is not UTF-8"),
        ("1:RS256:" + "x" * 40, "must be for HS256 or EdDSA"),
        ("1:none:" + "x" * 40, "must be for"),
        (":HS256:" + "x" * 40, "empty name"),
        ("1:HS256:-----BEGIN PUBLIC KEY-----" + "x" * 40 + "-----END PUBLIC KEY-----", "is a PEM"),
        ("1:EdDSA:" + "x" * 40, "neither PEM nor the base64"),
        ("1:EdDSA:" + "!" * 43, "neither PEM nor the base64"),
        ("1:EdDSA:-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "can't be read"),
        ('[{"kid":"1","alg":"HS256"}]', "is not JSON like"),
        ('[{"kid":1,"alg":"HS256","key":"x"}]', "is not JSON like"),
        ("[" * 5000, "is not JSON like"),
        ('[{"kid":"\udc80","alg":"HS256","key":"x"}]', "is not JSON like"),
    ],
)
def test_a_bad_key_is_refused_in_words_without_the_key(text: str, words: str) -> None:
    with pytest.raises(KeyRefused, match=words) as refused:
        parse_keys(text)
    assert "x" * 8 not in str(refused.value)


def test_a_private_key_is_refused() -> None:
    pem = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(KeyRefused, match="is a private key"):
        make_key("1", "EdDSA", pem)


def test_a_public_key_of_another_curve_is_refused() -> None:
    public = Ed448PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(KeyRefused, match="no Ed25519"):
        make_key("1", "EdDSA", pem)


def test_a_key_does_not_print_itself() -> None:
    assert SECRET not in repr(make_key("1", "HS256", SECRET))
    assert SECRET not in repr(KeyRing.of([make_key("1", "HS256", SECRET)]))


def test_two_keys_of_one_name_are_refused() -> None:
    keys = [make_key("1", "HS256", SECRET), make_key("1", "HS256", OTHER_SECRET)]
    with pytest.raises(KeyRefused, match="is there twice"):
        KeyRing.of(keys)


def test_a_token_without_kid_gets_the_only_key_or_the_one_called_1() -> None:
    first, second = make_key("1", "HS256", SECRET), make_key("b", "HS256", OTHER_SECRET)
    third = make_key("c", "HS256", OTHER_SECRET)
    assert KeyRing.of([second]).find(None) == second
    assert KeyRing.of([second, first]).find(None) == first
    assert KeyRing.of([second, third]).find(None) is None
    assert KeyRing.of([second, third]).find("c") == third
    assert KeyRing.of([second]).find("c") is None
