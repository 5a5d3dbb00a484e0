"""EDGE the load client's binary: compiled on first use, kept until its source changes."""

import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from bench.errors import NotMeasurable

SOURCES = Path(__file__).parent / "sink"
OPTIONS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
COMPILERS = ("cc", "gcc", "clang")


def build_sink(variables: Mapping[str, str]) -> Path:
    """Return the binary, from the cache folder or the compiler. Raises NotMeasurable."""
    sources = sorted(SOURCES.iterdir())
    mark = sha256(b"".join([" ".join(OPTIONS).encode(), *(one.read_bytes() for one in sources)]))
    binary = cache_folder(variables) / f"sink-{mark.hexdigest()[:16]}"
    if not binary.exists():
        _compile(_compiler(variables), [one for one in sources if one.suffix == ".c"], binary)
    return binary


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Return the folder of what can be made again, by the XDG base directory specification."""
    base = (
        variables.get("XDG_CACHE_HOME") or Path(variables.get("HOME", "~")).expanduser() / ".cache"
    )
    return Path(base) / "goimbus"


def _compiler(variables: Mapping[str, str]) -> str:
    for name in filter(None, (variables.get("CC"), *COMPILERS)):
        if found := shutil.which(name, path=variables.get("PATH")):
            return found
    raise NotMeasurable(
        "no C compiler is on PATH (cc, gcc or clang), and the load client is in C",
        "install one, such as by 'apt install gcc libc6-dev', or name it in CC",
    )


def _compile(compiler: str, sources: list[Path], binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    draft = binary.with_suffix(".new")
    command = [compiler, *OPTIONS, "-o", str(draft), *map(str, sources)]
    compiling = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiling.returncode:
        raise NotMeasurable(
            f"{compiler} can't compile the load client", f"it says:\n{compiling.stderr[-2000:]}"
        )
    draft.rename(binary)
