"""The page's modules, by Node's own test runner; the page itself, by what it may hold."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas.close_codes import CloseCode

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "gateway" / "page"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js 20 or newer")
def test_the_modules_pass_their_tests() -> None:
    codes = [(code.number, code.retry.value) for code in CloseCode]
    result = subprocess.run(
        ["node", "--test", *map(str, sorted(FOLDER.glob("*.test.mjs")))],
        env={**os.environ, "GOIM_CLOSE_CODES": json.dumps(codes)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_the_page_asks_for_its_own_files_only() -> None:
    html = (PAGE / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert named
    for name in named:
        assert (PAGE / name).is_file(), name
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|<style", html)
    for script in PAGE.glob("*.js"):
        text = script.read_text()
        imports = re.findall(r'(?:from|import)\(? "\./([^"]+)"', text)
        for named in imports + re.findall(r'new URL\("([^"]+)", import\.meta', text):
            assert (PAGE / named).is_file(), named
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_every_element_that_the_scripts_look_for_is_on_the_page() -> None:
    html = (PAGE / "index.html").read_text()
    scripts = [script.read_text() for script in PAGE.glob("*.js")]
    wanted = {name for text in scripts for name in re.findall(r'find\("([^"]+)"\)', text)}
    assert len(wanted) > 50
    assert wanted <= set(re.findall(r'\sid="([^"]+)"', html))


def test_every_field_and_button_has_a_name() -> None:
    html = (PAGE / "index.html").read_text()
    for button in re.findall(r"<button[^>]*>.*?</button>", html, re.DOTALL):
        words = re.sub(r"<[^>]+>", "", button).strip()
        filled = any(f'id="{name}"' in button for name in ("banner-action", "member-do"))
        assert words or "aria-label=" in button or filled, button
    labels = set(re.findall(r'<label[^>]*for="([^"]+)"', html))
    wrapped = "".join(re.findall(r"<label (?!class=\"visually).*?</label>", html, re.DOTALL))
    for field in re.findall(r'<(?:input|select|textarea)[^>]*id="([^"]+)"', html):
        assert field in labels or f'id="{field}"' in wrapped, field


def test_no_file_of_the_page_is_too_long_to_read() -> None:
    for file in (*PAGE.glob("*"), *FOLDER.glob("*.mjs")):
        assert len(file.read_text().splitlines()) < 400, file
