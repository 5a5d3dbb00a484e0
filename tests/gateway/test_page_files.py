from pathlib import Path

from gateway.page_files import is_current, read_page


def test_the_files_are_served_by_name_and_the_index_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    (tmp_path / "style.css").write_text("a{}")
    (tmp_path / "README.md").write_text("no page file")
    (tmp_path / "more.js").mkdir()
    files = read_page(tmp_path)
    assert list(files) == ["/", "/index.html", "/style.css"]
    assert files["/"] is files["/index.html"]
    assert files["/style.css"].headers["Content-Type"] == "text/css; charset=utf-8"


def test_without_an_index_nothing_is_at_the_root(tmp_path: Path) -> None:
    assert read_page(tmp_path) == {}
    assert read_page(tmp_path / "none") == {}


def test_the_etag_changes_with_the_content(tmp_path: Path) -> None:
    script = tmp_path / "a.js"
    script.write_text("1")
    first = read_page(tmp_path)["/a.js"]
    script.write_text("2")
    second = read_page(tmp_path)["/a.js"]
    assert first.etag != second.etag
    assert is_current(first, f'W/{first.etag}, "x"')
    assert is_current(first, "*")
    assert not is_current(first, second.etag)
    assert not is_current(first, "")
