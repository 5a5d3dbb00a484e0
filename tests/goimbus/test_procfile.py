import shlex
from pathlib import Path

import honcho.environ
import pytest

from goimbus.procfile import ProcfileRefused, parse_procfile


def test_the_projects_procfile_names_the_four_services(checkout: Path) -> None:
    assert parse_procfile((checkout / "Procfile").read_text()) == {
        "web": ("python", "-m", "gateway"),
        "auth": ("python", "-m", "auth"),
        "router": ("python", "-m", "router"),
        "store": ("python", "-m", "store"),
    }


def test_honcho_reads_the_projects_procfile_alike(checkout: Path) -> None:
    text = (checkout / "Procfile").read_text()
    theirs = honcho.environ.parse_procfile(text).processes
    assert {name: tuple(shlex.split(line)) for name, line in theirs.items()} == parse_procfile(text)


def test_quotes_hold_words_together_and_comments_and_empty_lines_are_skipped() -> None:
    text = '# all of it\n\nweb: run --title "a b"   \nside-kick_2:one\n'
    assert parse_procfile(text) == {"web": ("run", "--title", "a b"), "side-kick_2": ("one",)}


@pytest.mark.parametrize("line", ["web python", "web:", ": python", 'web: "open', "a b: c"])
def test_another_kind_of_line_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(ProcfileRefused, match="line 2"):
        parse_procfile(f"auth: python\n{line}\n")


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(ProcfileRefused, match="line 2"):
        parse_procfile("web: a\nweb: b\n")
