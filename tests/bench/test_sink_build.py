import os
from pathlib import Path

import pytest

from bench.errors import NotMeasurable
from bench.sink_build import build_sink


def test_the_load_client_is_compiled_once(sink: Path) -> None:
    variables = {"XDG_CACHE_HOME": str(sink.parent.parent), "PATH": "/nowhere"}
    assert build_sink(variables) == sink
    assert os.access(sink, os.X_OK)


def test_without_a_compiler_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotMeasurable, match="no C compiler is on PATH"):
        build_sink({"XDG_CACHE_HOME": str(tmp_path), "PATH": "/nowhere"})


def test_what_a_compiler_says_is_told(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 1\n")
    compiler.chmod(0o755)
    variables = {"XDG_CACHE_HOME": str(tmp_path), "CC": str(compiler), "PATH": os.defpath}
    with pytest.raises(NotMeasurable, match="no such option"):
        build_sink(variables)
