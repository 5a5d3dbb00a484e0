from schemas.asyncapi import asyncapi_document
from schemas.calls import CALLS
from schemas.subjects import Subjects

SUBJECTS = Subjects("site")
DOCUMENT = asyncapi_document(CALLS, SUBJECTS)


def test_every_call_is_a_channel_at_its_subject() -> None:
    addresses = [one["address"] for one in DOCUMENT["channels"].values()]
    assert addresses == [call.subject(SUBJECTS) for call in CALLS]


def test_every_operation_has_a_reply_on_its_channel() -> None:
    assert set(DOCUMENT["operations"]) == set(DOCUMENT["channels"])
    for name, operation in DOCUMENT["operations"].items():
        channel = f"#/channels/{name}"
        assert operation["channel"] == operation["reply"]["channel"] == {"$ref": channel}
        assert operation["reply"]["messages"] == [{"$ref": f"{channel}/messages/reply"}]
        assert set(DOCUMENT["channels"][name]["messages"]) == {"request", "reply"}
