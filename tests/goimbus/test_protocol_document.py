"""docs/protocol.md says what schemas/ says, and its frames are frames."""

import json
import re
from pathlib import Path

import pytest

from schemas.close_codes import CloseCode
from schemas.frame import Frame, decode_batch, decode_frames, encode_frame
from schemas.operations import Operation

FRAME = re.compile(r"^[→←] ([0-9a-f ]+)  op (\d+): (.*)$", re.MULTILINE)
NOT_ON_THE_WIRE = {
    Operation.HANDSHAKE,
    Operation.HANDSHAKE_REPLY,
    Operation.SEND_MESSAGE_REPLY,
    Operation.DISCONNECT_REPLY,
}


@pytest.fixture
def text(checkout: Path) -> str:
    return (checkout / "docs" / "protocol.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def one_frame(digits: str) -> Frame:
    frames, rest, error = decode_frames(bytes.fromhex(digits))
    assert (len(frames), rest, error) == (1, b"", None)
    return frames[0]


def test_every_close_code_is_listed_with_its_words_and_what_to_do(text: str) -> None:
    listed = re.findall(r"^\| (\d{4}) \| (.+) \| (never|token|now|later) \|$", text, re.MULTILINE)
    assert listed == [(str(one.number), one.words, one.retry.value) for one in CloseCode]


def test_every_operation_is_listed_or_has_its_section(text: str) -> None:
    listed = set(re.findall(r"^\| (\d+) \| ", text, re.MULTILINE))
    titles = re.findall(r"^### Op (.+?): ", text, re.MULTILINE)
    sections = {number for title in titles for number in re.findall(r"\d+", title)}
    for operation in set(Operation) - NOT_ON_THE_WIRE:
        assert str(int(operation)) in listed | sections, operation


def test_the_frames_are_frames_of_the_operation_that_is_named(text: str) -> None:
    lines = [found.groups() for block in blocks(text, "frames") for found in FRAME.finditer(block)]
    assert len(lines) == sum(block.count("\n") for block in blocks(text, "frames")) == 11
    for digits, operation, _ in lines:
        frame = one_frame(digits)
        assert frame.operation == int(operation)
        assert encode_frame(
            frame.operation, frame.body, frame.version, frame.sequence
        ) == bytes.fromhex(digits)


def test_the_bodies_are_those_that_are_told(text: str) -> None:
    for digits, operation, words in FRAME.findall(text):
        body = one_frame(digits).body
        if operation in ("7", "12", "13"):
            assert body.decode() == words
        if operation == "9":
            for inner in decode_batch(body):
                assert (f"op {inner.operation}" if inner.operation != 1001 else "m1, m2") in words


def test_the_example_of_a_sequence_counts_right(text: str) -> None:
    topic, message = decode_batch(one_frame(FRAME.findall(text)[-1][0]).body)
    last = json.loads(topic.body)["sequence"]
    assert last - ((last - message.sequence) % 2**32) == last == 2**32 + 7


def test_the_json_is_json(text: str) -> None:
    examples = blocks(text, "json")
    assert len(examples) > 10
    for example in examples:
        assert isinstance(json.loads(example), dict)


def test_every_link_leads_somewhere(text: str, checkout: Path) -> None:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = link.partition("#")
        assert (checkout / "docs" / file).exists() if file else anchor in anchors, link
