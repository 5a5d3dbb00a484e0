"""Every refusal that the documents list is one that a test has met: by its word, class or code.

The tests of documents do not count: they only compare words.
"""

import re
from pathlib import Path

import pytest

from auth import errors
from schemas.close_codes import CloseCode

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"^\| (?:reason|code|limit) \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", re.MULTILINE)
WORD = re.compile(r"`([a-z]+(?:_[a-z]+)*)`")
DOCUMENTS = ("api", "accounts", "rooms", "protocol", "tokens", "storage")
NOT_REASONS = {"after", "never", "token", "now", "later", "reason", "room", "live", "anyone"}
CLASSES = {
    one.reason: name
    for name, one in vars(errors).items()
    if isinstance(one, type) and hasattr(one, "reason") and not name.startswith("_")
}


def text_of_tests() -> str:
    files = (ROOT / "tests").rglob("*.py")
    counted = [one for one in files if "document" not in one.name and one != Path(__file__)]
    return "\n".join(one.read_text() for one in counted)


def first_cells(name: str) -> list[str]:
    """Return the first cells of a document's tables of refusals, the reasons beside codes too."""
    text = (ROOT / "docs" / f"{name}.md").read_text()
    rows = [row for table in TABLE.findall(text) for row in table.splitlines()]
    return ["|".join(row.split("|")[1:4]) for row in rows]


def reasons(name: str) -> set[str]:
    return {word for cell in first_cells(name) for word in WORD.findall(cell)} - NOT_REASONS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reason_that_is_listed_is_met_by_a_test(name: str) -> None:
    text = text_of_tests()
    never_met = {
        reason
        for reason in reasons(name)
        if not re.search(rf"\b({reason}|{reason.upper()}|{CLASSES.get(reason, reason)})\b", text)
    }
    assert never_met == set()


def test_the_tables_are_found() -> None:
    assert {"key_missing", "too_slow"} <= reasons("api")
    assert {"login_unknown", "refresh_reused"} <= reasons("accounts")
    assert {"outranked", "rooms_away"} <= reasons("rooms")
    assert {"wrong_issuer", "bad_key"} <= reasons("tokens")
    assert {"admission_away", "not_in_room"} <= reasons("protocol")


@pytest.mark.parametrize("code", list(CloseCode), ids=lambda code: str(code.number))
def test_every_close_code_is_met_by_a_test(code: CloseCode) -> None:
    assert re.search(rf"\b({code.number}|CloseCode\.{code.name})\b", text_of_tests())
