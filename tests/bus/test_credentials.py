from pathlib import Path

import pytest

from bus import credentials
from bus.credentials import check_credentials
from bus.errors import CredentialsUnusable, SettingsRefused

GOOD = """\
-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QifQ.e30.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAAA
------END USER NKEY SEED------
"""


@pytest.fixture(autouse=True)
def nkeys_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "find_spec", lambda name: object())


def test_a_whole_file_is_usable(tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    file.write_text(GOOD)
    check_credentials(str(file))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD.replace("USER JWT", "USER"), "NATS USER JWT"),
        (GOOD.partition("------END NATS")[0], "USER NKEY SEED"),
        (GOOD.partition("\nSUAAA")[0], "USER NKEY SEED"),
        ("", "NATS USER JWT"),
    ],
)
def test_a_file_on_which_nats_py_would_hang_or_crash_is_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "user.creds"
    file.write_text(text)
    with pytest.raises(CredentialsUnusable, match=why):
        check_credentials(str(file))


def test_a_missing_file_is_refused_with_the_variable_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"NATS_CREDENTIALS names '.*none.creds'"):
        check_credentials(str(tmp_path / "none.creds"))


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CredentialsUnusable):
        check_credentials(str(file))


def test_without_nkeys_no_file_is_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "find_spec", lambda name: None)
    with pytest.raises(CredentialsUnusable, match="nkeys is not installed"):
        check_credentials(str(tmp_path / "user.creds"))
