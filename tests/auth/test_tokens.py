import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import (
    AlgorithmRefused,
    AudienceWrong,
    ClaimMissing,
    ClaimRefused,
    IssuerWrong,
    KeyUnknown,
    Refused,
    SignatureWrong,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
    TokenTooLarge,
)
from auth.grant import RoomGrant
from auth.keys import KeyRing, make_key
from auth.tokens import Identity, TokenRules, verify_token
from schemas.close_codes import CloseCode

from .signing import (
    NOW,
    OTHER_SECRET,
    PRIVATE_KEY,
    PUBLIC_BASE64,
    PUBLIC_KEY,
    PUBLIC_PEM,
    SECRET,
    TOKENS,
    claims,
    forge,
    token,
)

HS256 = {"alg": "HS256", "kid": "1", "typ": "JWT"}


def test_a_good_token_says_who_its_bearer_is() -> None:
    assert verify_token(token(), TOKENS, NOW) == Identity(
        mid=123, expires_at=NOW + 60 + TOKENS.leeway_seconds, token_id=""
    )


def test_all_claims_are_read() -> None:
    identity = verify_token(
        token(
            mid=5,
            sub="somebody@site.example",
            jti="t1",
            key="k",
            room="live://1",
            platform="web",
            accepts=[1000, -1],
            rooms=["live://*", {"pattern": "vip://7", "send": True}],
        ),
        TOKENS,
        NOW,
    )
    assert identity == Identity(
        mid=5,
        expires_at=NOW + 70,
        token_id="t1",
        key="k",
        room="live://1",
        platform="web",
        accepts=[1000, -1],
        rooms=[
            RoomGrant("live://*", receive=True, send=True, history=True),
            RoomGrant("vip://7", receive=True, send=True, history=False),
        ],
    )


def test_an_eddsa_token_is_checked_with_the_public_key() -> None:
    signed = jwt.encode(claims(), PRIVATE_KEY, "EdDSA", {"kid": "ed"})
    assert verify_token(signed, TOKENS, NOW).mid == 123


def test_a_token_without_kid_is_checked_with_key_1() -> None:
    assert verify_token(jwt.encode(claims(), SECRET, "HS256"), TOKENS, NOW).mid == 123


RAW_PUBLIC = PUBLIC_KEY.public_bytes_raw()
FOREIGN = [
    ("alg none", forge({"alg": "none", "kid": "1"}, claims()), AlgorithmRefused),
    ("alg none, unsigned", jwt.encode(claims(), "", "none"), AlgorithmRefused),
    ("alg None", forge({"alg": "None", "kid": "1"}, claims()), AlgorithmRefused),
    ("alg empty", forge({"alg": "", "kid": "1"}, claims()), AlgorithmRefused),
    ("alg null", forge({"alg": None, "kid": "1"}, claims()), TokenMalformed),
    ("alg absent", forge({"kid": "1"}, claims()), TokenMalformed),
    ("alg a list", forge({"alg": ["HS256"], "kid": "1"}, claims()), TokenMalformed),
    ("alg HS512", jwt.encode(claims(), SECRET * 2, "HS512", {"kid": "1"}), AlgorithmRefused),
    ("alg lower case", forge({"alg": "hs256", "kid": "1"}, claims()), AlgorithmRefused),
    ("public PEM as secret", forge(HS256 | {"kid": "ed"}, claims(), PUBLIC_PEM.encode()), None),
    ("public key as secret", forge(HS256 | {"kid": "ed"}, claims(), RAW_PUBLIC), None),
    ("base64 key as secret", forge(HS256 | {"kid": "ed"}, claims(), PUBLIC_BASE64.encode()), None),
    (
        "secret's kid, public key",
        forge(HS256, claims(), PUBLIC_PEM.encode()),
        SignatureWrong,
    ),
    ("EdDSA with the secret's kid", forge({"alg": "EdDSA", "kid": "1"}, claims()), None),
    ("unknown kid", forge(HS256 | {"kid": "2"}, claims()), KeyUnknown),
    ("empty kid", forge(HS256 | {"kid": ""}, claims()), KeyUnknown),
    ("kid a path", forge(HS256 | {"kid": "../../../../dev/null"}, claims(), b""), KeyUnknown),
    ("kid a URL", forge(HS256 | {"kid": "https://evil.example/k"}, claims()), KeyUnknown),
    ("kid SQL", forge(HS256 | {"kid": "x' UNION SELECT 'a"}, claims(), b"a"), KeyUnknown),
    ("kid a command", forge(HS256 | {"kid": "1|id"}, claims()), KeyUnknown),
    ("kid a number", forge(HS256 | {"kid": 1}, claims()), TokenMalformed),
    ("kid a list", forge(HS256 | {"kid": ["1"]}, claims()), TokenMalformed),
    ("kid with NUL", forge(HS256 | {"kid": "1\0"}, claims()), KeyUnknown),
    (
        "jwk in the header",
        forge(HS256 | {"jwk": {"kty": "oct", "k": "AAAA"}}, claims(), b"\0\0\0"),
        SignatureWrong,
    ),
    (
        "jku and x5u in the header",
        forge(HS256 | {"jku": "http://127.0.0.1:1/", "x5u": "file:///"}, claims(), b"x"),
        SignatureWrong,
    ),
    ("another secret", forge(HS256, claims(), OTHER_SECRET.encode()), SignatureWrong),
    ("crit unknown", forge(HS256 | {"crit": ["exp"]}, claims()), TokenMalformed),
    ("crit empty", forge(HS256 | {"crit": []}, claims()), TokenMalformed),
    ("b64 false", forge(HS256 | {"b64": False, "crit": ["b64"]}, b""), TokenMalformed),
    ("header an array", forge([1], claims()), TokenMalformed),
    ("header nested deep", forge(b"[" * 2000, claims()), TokenMalformed),
    ("header no JSON", forge(b"{", claims()), TokenMalformed),
    ("header of NaN", forge(b'{"alg":NaN}', claims()), TokenMalformed),
]


@pytest.mark.parametrize(("name", "foreign", "kind"), FOREIGN, ids=[one[0] for one in FOREIGN])
def test_a_token_that_no_issuer_of_ours_signed_is_refused(
    name: str, foreign: str, kind: type[Refused] | None
) -> None:
    with pytest.raises(kind or AlgorithmRefused) as refused:
        verify_token(foreign, TOKENS, NOW)
    assert refused.value.code is CloseCode.TOKEN_REFUSED


GARBAGE = {
    "empty": "",
    "one part": "eyJhbGciOiJIUzI1NiJ9",
    "two parts": token().rpartition(".")[0],
    "four parts": token() + ".x",
    "only dots": "..",
    "no signature": token().rpartition(".")[0] + ".",
    "cut": token()[:-1],
    "white space": " " + token(),
    "unicode": token()[:-3] + "\u20ac\u20ac\u20ac",
    "unicode header": "\u4f60\u597d." + token().partition(".")[2],
    "lone surrogate": token()[:-1] + "\ud800",
    "NUL": token() + "\0",
    "standard base64": token().replace("-", "+").replace("_", "/") + "+",
    "JWE": "a.b.c.d.e",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_token_is_refused(name: str) -> None:
    with pytest.raises((TokenMalformed, SignatureWrong)):
        verify_token(GARBAGE[name], TOKENS, NOW)


def test_a_changed_payload_is_refused() -> None:
    header, _, signature = token().split(".")
    payload = forge(HS256, claims(sub="1")).split(".")[1]
    with pytest.raises(SignatureWrong):
        verify_token(f"{header}.{payload}.{signature}", TOKENS, NOW)


def test_a_token_over_4_kib_is_refused_before_it_is_looked_at() -> None:
    huge = token(jti="x" * 4096)
    with pytest.raises(TokenTooLarge, match=f"{len(huge)} bytes, 4096"):
        verify_token(huge, TOKENS, NOW)


BAD_CLAIMS: list[tuple[dict[str, Any], type[Refused], str]] = [
    ({"exp": None}, ClaimMissing, "exp"),
    ({"exp": str(NOW + 60)}, ClaimRefused, "exp"),
    ({"exp": True}, ClaimRefused, "exp"),
    ({"exp": (NOW + 60) * 1000}, ClaimRefused, "not milliseconds"),
    ({"exp": -1}, ClaimRefused, "exp"),
    ({"exp": 1e300}, ClaimRefused, "exp"),
    ({"nbf": 1e300}, ClaimRefused, "nbf"),
    ({"sub": None}, ClaimMissing, "sub"),
    ({"sub": 123}, ClaimRefused, "sub must be"),
    ({"sub": ""}, ClaimRefused, "decimal"),
    ({"sub": "abc"}, ClaimRefused, "decimal"),
    ({"sub": "1.0"}, ClaimRefused, "decimal"),
    ({"sub": "0123"}, ClaimRefused, "decimal"),
    ({"sub": "+1"}, ClaimRefused, "decimal"),
    ({"sub": " 1"}, ClaimRefused, "decimal"),
    ({"sub": "1\n"}, ClaimRefused, "decimal"),
    ({"sub": "\u0661"}, ClaimRefused, "decimal"),
    ({"sub": "1_0"}, ClaimRefused, "decimal"),
    ({"sub": "9223372036854775808"}, ClaimRefused, "decimal"),
    ({"sub": "9" * 2000}, ClaimRefused, "decimal"),
    ({"mid": "1"}, ClaimRefused, "mid"),
    ({"mid": True}, ClaimRefused, "mid"),
    ({"mid": 1.5}, ClaimRefused, "mid"),
    ({"mid": 2**63}, ClaimRefused, "mid"),
    ({"key": 1}, ClaimRefused, "key"),
    ({"room": ["live://1"]}, ClaimRefused, "room"),
    ({"platform": {}}, ClaimRefused, "platform"),
    ({"accepts": "1000"}, ClaimRefused, "accepts"),
    ({"accepts": [2**31]}, ClaimRefused, "accepts"),
    ({"accepts": [True]}, ClaimRefused, "accepts"),
    ({"accepts": [None]}, ClaimRefused, "accepts"),
    ({"rooms": "*"}, ClaimRefused, "rooms"),
    ({"rooms": [1]}, ClaimRefused, "rooms"),
    ({"rooms": [""]}, ClaimRefused, "patterns of 1"),
    ({"rooms": ["x" * 261]}, ClaimRefused, "patterns of 1"),
    ({"rooms": [{"receive": True}]}, ClaimRefused, "rooms"),
    ({"rooms": [{"pattern": "*", "send": 1}]}, ClaimRefused, "rooms"),
    ({"jti": 7}, ClaimRefused, "jti"),
    ({"aud": None}, ClaimMissing, "aud"),
    ({"aud": "other"}, AudienceWrong, "aud"),
    ({"aud": []}, AudienceWrong, "aud"),
    ({"aud": ["other", "goimbus2"]}, AudienceWrong, "aud"),
    ({"aud": {"goimbus": 1}}, ClaimRefused, "aud"),
    ({"iss": None}, ClaimMissing, "iss"),
    ({"iss": "https://site.example/"}, IssuerWrong, "iss"),
    ({"iss": ["https://site.example"]}, ClaimRefused, "iss"),
]


@pytest.mark.parametrize(("changes", "kind", "words"), BAD_CLAIMS, ids=lambda one: ascii(one)[:40])
def test_a_signed_token_with_a_bad_claim_is_refused_by_its_name(
    changes: dict[str, Any], kind: type[Refused], words: str
) -> None:
    signed = forge(HS256, claims(**changes))
    with pytest.raises(kind, match=words):
        verify_token(signed, TOKENS, NOW)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"1", b"{", b'{"exp":NaN}', b"\xff", b'{"sub":"\xff"}', b"[" * 2000]
)
def test_a_signed_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises((TokenMalformed, ClaimRefused)):
        verify_token(forge(HS256, payload), TOKENS, NOW)


@pytest.mark.parametrize("sub", ["0", "-5", "9223372036854775807", "-9223372036854775808"])
def test_any_decimal_of_64_bits_is_a_member(sub: str) -> None:
    assert verify_token(token(sub=sub), TOKENS, NOW).mid == int(sub)


def test_a_token_ends_at_exp_and_the_leeway_and_only_then_needs_a_new_one() -> None:
    end = NOW + 60 + TOKENS.leeway_seconds
    identity = verify_token(token(), TOKENS, end - 0.001)
    assert identity.expires_at == end
    with pytest.raises(TokenExpired, match="expired 10 s ago") as refused:
        verify_token(token(), TOKENS, end)
    assert refused.value.code is CloseCode.TOKEN_EXPIRED


def test_a_fractional_exp_is_rounded_up() -> None:
    strict = replace(TOKENS, leeway_seconds=0)
    assert verify_token(token(exp=NOW + 1.5), strict, NOW).expires_at == NOW + 2


def test_a_token_of_the_future_is_refused_but_for_the_leeway() -> None:
    early = token(nbf=NOW + 11)
    assert verify_token(early, TOKENS, NOW + 1).mid == 123
    with pytest.raises(TokenNotYetValid, match="valid in 11 s only") as refused:
        verify_token(early, TOKENS, NOW)
    assert refused.value.code is CloseCode.TOKEN_REFUSED


def test_an_audience_list_may_hold_more_than_ours() -> None:
    assert verify_token(token(aud=["other", "goimbus"]), TOKENS, NOW).mid == 123


def test_audience_and_issuer_are_not_asked_for_where_none_is_set() -> None:
    rules = TokenRules(TOKENS.ring)
    assert verify_token(token(aud=None, iss=None), rules, NOW).mid == 123
    assert verify_token(token(aud="any", iss="any"), rules, NOW).mid == 123


def test_two_keys_are_good_during_a_rotation_and_the_old_one_ends_with_it() -> None:
    old, new = make_key("2026-11", "HS256", SECRET), make_key("2026-12", "HS256", OTHER_SECRET)
    by_old = jwt.encode(claims(), SECRET, "HS256", {"kid": "2026-11"})
    by_new = jwt.encode(claims(), OTHER_SECRET, "HS256", {"kid": "2026-12"})
    before, during, after = (
        replace(TOKENS, ring=KeyRing.of(keys)) for keys in ([old], [old, new], [new])
    )
    assert verify_token(by_old, during, NOW).mid == verify_token(by_new, during, NOW).mid == 123
    for signed, rules in ((by_new, before), (by_old, after)):
        with pytest.raises(KeyUnknown, match="no key has the token's kid"):
            verify_token(signed, rules, NOW)


def test_a_kid_does_not_lend_its_key_to_another_kids_token() -> None:
    ring = KeyRing.of([make_key("a", "HS256", SECRET), make_key("b", "HS256", OTHER_SECRET)])
    crossed = jwt.encode(claims(), SECRET, "HS256", {"kid": "b"})
    with pytest.raises(SignatureWrong):
        verify_token(crossed, replace(TOKENS, ring=ring), NOW)
    unnamed = jwt.encode(claims(), SECRET, "HS256")
    with pytest.raises(KeyUnknown, match="names no key"):
        verify_token(unnamed, replace(TOKENS, ring=ring), NOW)


def test_no_refusal_repeats_what_a_token_holds() -> None:
    hidden = "hidden-7c1f"
    tokens = [
        forge(HS256 | {"kid": hidden}, claims()),
        forge({"alg": hidden, "kid": "1"}, claims()),
        *(token(**{name: hidden}) for name in ("sub", "aud", "iss")),
        token(mid=hidden, accepts=[hidden], rooms=[{hidden: 1}]),
        forge(HS256, hidden.encode()),
    ]
    for signed in tokens:
        with pytest.raises(Refused) as refused:
            verify_token(signed, TOKENS, NOW)
        assert hidden not in str(refused.value)
        assert SECRET not in str(refused.value)


@given(st.text() | st.text("abcABC019-_=.", min_size=3))
def test_any_text_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(Refused):
        verify_token(text, TOKENS, NOW)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_header_and_any_payload_are_judged_without_another_error(
    header: bytes, payload: bytes
) -> None:
    for part in (header, json.dumps(HS256).encode()):
        with pytest.raises(Refused):
            verify_token(forge(part, payload), TOKENS, NOW)
