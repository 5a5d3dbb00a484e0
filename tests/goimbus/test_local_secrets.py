import os
import stat
from pathlib import Path

import pytest

from goimbus.errors import DataFolderDamaged
from goimbus.local_secrets import load_secrets


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    made = load_secrets(tmp_path, {})
    assert load_secrets(tmp_path, {}) == made
    assert len(set(made.values())) == 2
    assert min(len(value) for value in made.values()) >= 32
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["secrets.json"]


def test_a_variable_wins(tmp_path: Path) -> None:
    kept = load_secrets(tmp_path, {"GOIM_AUTH_SECRET": ""})
    assert load_secrets(tmp_path, {"GOIM_AUTH_SECRET": "mine"}) == kept | {
        "GOIM_AUTH_SECRET": "mine"
    }


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"GOIM_AUTH_SECRET": 1, "GOIM_API_KEY": "a"}', "\xff"]
)
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DataFolderDamaged, match=r"secrets\.json"):
        load_secrets(tmp_path, {})
    assert path.read_text(encoding="latin-1") == text


def test_what_the_file_holds_is_not_told_when_it_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"GOIM_AUTH_SECRET": "hush"')
    with pytest.raises(DataFolderDamaged) as caught:
        load_secrets(tmp_path, {})
    assert "hush" not in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFolderDamaged):
        load_secrets(tmp_path / "none", {})
