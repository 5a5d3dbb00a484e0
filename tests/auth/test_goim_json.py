import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import FieldRefused, JsonRefused, Refused
from auth.goim_json import MAX_NESTING, GoimAuth, decode_auth_json, decode_go_text

TESTS = Path(__file__).parent.parent
VERDICTS = json.loads((Path(__file__).parent / "go_verdicts.json").read_text())
VECTORS = json.loads((TESTS / "vectors" / "goim.json").read_text())["vectors"]
AUTH_VECTORS = {one["id"]: one for one in VECTORS if "V01" <= one["id"] <= "V09"}
CLOSED = {"V05", "V06", "V07", "V09"}


def taken(body: bytes) -> dict[str, Any] | None:
    try:
        auth = decode_auth_json(decode_go_text(body))
    except Refused:
        return None
    names = ("mid", "key", "room_id", "platform", "accepts")
    return {name: getattr(auth, name) for name in names}


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: ascii(verdict["body"])[:40])
def test_each_body_is_read_as_go_reads_it(verdict: dict[str, Any]) -> None:
    assert taken(verdict["body"].encode("latin-1")) == verdict["takes"]


@pytest.mark.parametrize("number", sorted(AUTH_VECTORS))
def test_auth_frames_of_goim_are_taken_or_refused_as_a_running_goim_did(number: str) -> None:
    vector = AUTH_VECTORS[number]
    body = vector["decoded"]["body"].encode()
    assert (taken(body) is None) == (number in CLOSED) == vector["closes"]["tcp"]


def test_the_example_of_goims_js_client_is_read_whole() -> None:
    body = AUTH_VECTORS["V01"]["decoded"]["body"]
    assert decode_auth_json(body) == GoimAuth(
        mid=123, room_id="live://1000", platform="web", accepts=[1000, 1001, 1002]
    )


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_only_python_knows_are_no_json(name: str) -> None:
    with pytest.raises(JsonRefused, match="is no JSON"):
        decode_auth_json(f'{{"x":{name}}}')


def test_nesting_is_bounded_below_what_python_can_recurse() -> None:
    def nested(depth: int) -> str:
        return '{"x":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"

    assert decode_auth_json(nested(MAX_NESTING)) == GoimAuth()
    with pytest.raises(JsonRefused, match="nested deeper"):
        decode_auth_json(nested(MAX_NESTING + 1))
    with pytest.raises(JsonRefused, match="nested deeper"):
        decode_auth_json('{"\\"":' + '{"a":' * 4000)


def test_brackets_in_text_are_no_nesting() -> None:
    many = "[{" * MAX_NESTING
    assert decode_auth_json(json.dumps({"key": "\\" + many + '"', "mid": 1})).mid == 1


def test_an_error_says_what_and_where_but_not_what_was_there() -> None:
    with pytest.raises(JsonRefused) as refused:
        decode_auth_json('{"mid":1, secret}')
    assert "at character 10" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(FieldRefused, match="mid in the auth JSON must be a whole number of 64"):
        decode_auth_json('{"mid":"1"}')
    with pytest.raises(FieldRefused, match=r"accepts in .* of 32"):
        decode_auth_json('{"accepts":[true]}')
    with pytest.raises(FieldRefused, match="accepts"):
        decode_auth_json('{"accepts":"1000"}')
    with pytest.raises(FieldRefused, match=r"token in .* text"):
        decode_auth_json('{"token":1}')


def test_a_token_is_text_and_null_is_none() -> None:
    assert decode_auth_json('{"Token":"a.b.c"}').token == "a.b.c"
    assert decode_auth_json('{"token":null}').token == ""


@pytest.mark.parametrize(
    "value", ["0", "2", "-1", "1.0", "1e0", "true", '"1"', "{}", "[1]", "null"]
)
def test_ext_is_the_number_one_and_nothing_else(value: str) -> None:
    assert decode_auth_json('{"ext":1}').ext
    assert not decode_auth_json(f'{{"ext":{value}}}').ext


def test_resume_is_read_with_room_ids_beside_the_other_topics() -> None:
    body = '{"ext":1,"resume":{"member":7,"all":-20,"rooms":{"live://1":9007199254740993}}}'
    expected = {"member": 7, "all": -20, "live://1": 9007199254740993}
    assert decode_auth_json(body).resume == expected


def test_resume_of_a_room_called_member_does_not_hide_the_members_own() -> None:
    body = '{"ext":1,"resume":{"member":7,"rooms":{"member":1}}}'
    assert decode_auth_json(body).resume == {"member": 7}


def test_a_null_in_resume_counts_as_not_said() -> None:
    body = '{"ext":1,"resume":{"member":null,"rooms":{"live://1":null},"all":3,"other":{}}}'
    assert decode_auth_json(body).resume == {"all": 3}
    assert decode_auth_json('{"ext":1,"resume":{"rooms":null}}').resume == {}
    assert decode_auth_json('{"ext":1,"resume":null}').resume is None


@pytest.mark.parametrize(
    "resume", ["[]", "1", '{"member":"1"}', '{"all":1.5}', '{"rooms":[]}', '{"rooms":{"a":{}}}']
)
def test_resume_of_another_form_is_refused_for_ext_clients_and_unknown_to_others(
    resume: str,
) -> None:
    assert decode_auth_json(f'{{"resume":{resume}}}').resume is None
    with pytest.raises(FieldRefused, match="resume"):
        decode_auth_json(f'{{"ext":1,"resume":{resume}}}')


def test_lone_surrogates_become_replacement_characters_in_rooms_too() -> None:
    body = '{"ext":1,"room_id":"\\ud800","resume":{"rooms":{"\\udc00":1}}}'
    auth = decode_auth_json(body)
    assert (auth.room_id, auth.resume) == ("\ufffd", {"\ufffd": 1})


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        assert type(decode_auth_json(text)) is GoimAuth


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["mid", "MID", "key", "room_id", "platform", "accepts", "token", "ext", "resume", "rooms", "x"]
)


@given(st.dictionaries(names, values))
def test_any_object_gives_fields_of_the_right_type_and_range(document: dict[str, Any]) -> None:
    try:
        auth = decode_auth_json(json.dumps(document))
    except Refused:
        return
    assert -(2**63) <= auth.mid < 2**63
    assert all(type(one) is int and -(2**31) <= one < 2**31 for one in auth.accepts)
    for text in (auth.key, auth.room_id, auth.platform, auth.token):
        text.encode()  # no surrogate is left
    assert auth.resume is None or all(-(2**63) <= one < 2**63 for one in auth.resume.values())


@given(st.binary())
def test_any_bytes_become_text_with_one_mark_for_each_bad_byte(data: bytes) -> None:
    bad = [byte for byte in data.decode(errors="surrogateescape") if byte >= "\udc80"]
    marks = data.decode(errors="ignore").count("\ufffd")
    surrogates = [one for one in bad if one <= "\udcff"]
    assert decode_go_text(data).count("\ufffd") == len(surrogates) + marks


def test_rooms_to_hear_are_read_as_a_list_of_texts_from_ext_clients_and_unknown_to_others() -> None:
    read = decode_auth_json('{"ext":1,"rooms":["chat://a",null,"*","\\ud800",""]}').rooms
    assert read == ["chat://a", "*", "\ufffd", ""]
    assert decode_auth_json('{"rooms":["chat://a"]}').rooms == []
    assert decode_auth_json('{"rooms":{}}').rooms == []
    assert decode_auth_json('{"ext":1,"rooms":null}').rooms == []
    for rooms in ('"chat://a"', "{}", "[5]", "[[]]"):
        with pytest.raises(FieldRefused, match="rooms"):
            decode_auth_json(f'{{"ext":1,"rooms":{rooms}}}')


def test_a_device_is_read_as_text_from_ext_clients_and_unknown_to_others() -> None:
    assert decode_auth_json('{"ext":1,"device":"laptop"}').device == "laptop"
    assert decode_auth_json('{"device":"laptop","ext":1,"device":null}').device == "laptop"
    assert decode_auth_json('{"device":{}}').device == ""
    with pytest.raises(FieldRefused, match="device"):
        decode_auth_json('{"ext":1,"device":5}')
