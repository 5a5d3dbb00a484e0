"""Look at a NATS credentials file before nats-py does, which hangs on one without a JWT."""

from importlib.util import find_spec
from pathlib import Path

from bus.errors import CredentialsUnusable

MARKS = ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED")


def check_credentials(path: str) -> None:
    """Return when nats-py can use the file. Raises CredentialsUnusable."""
    if find_spec("nkeys") is None:
        raise CredentialsUnusable(path, "the package nkeys is not installed")
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsUnusable(path, str(error)) from None
    for mark in MARKS:
        _, found, rest = text.partition(mark)
        if not found or not rest.partition("\n")[2].strip():
            raise CredentialsUnusable(path, f"it has no {mark.removeprefix('BEGIN ')}")
