"""EDGE the secrets of a `goimbus up`, made on first use and kept in its data folder.

The file is `secrets.json`, readable by its owner alone. A variable of the environment wins over
what the file holds.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from goimbus.errors import DataFolderDamaged

FILE = "secrets.json"
NAMES = ("GOIM_AUTH_SECRET", "GOIM_API_KEY")
SECRET_BYTES = 32  # HS256 asks for at least 32 (RFC 7518, 3.2)


def load_secrets(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return GOIM_AUTH_SECRET and GOIM_API_KEY, making the file if it is not there.

    Raises DataFolderDamaged.
    """
    path = folder / FILE
    try:
        if not path.exists():
            _write_new(path)
        kept = json.loads(path.read_text())
        values = {name: kept[name] for name in NAMES}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataFolderDamaged(path, f"can't be read ({error!r})") from error
    if not all(isinstance(value, str) and value for value in values.values()):
        raise DataFolderDamaged(path, "holds something else than texts")
    return {name: variables.get(name) or values[name] for name in NAMES}


def _write_new(path: Path) -> None:
    """Write the file whole or not at all, with mode 0600 from its first moment on."""
    values = {name: secrets.token_urlsafe(SECRET_BYTES) for name in NAMES}
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        json.dump(values, file, indent=2)
        file.write("\n")
    draft.rename(path)
