"""EDGE the console page: its files, read once, and how a browser may use them."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is served."""

    body: bytes
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        """Changes with the content."""
        return self.headers["ETag"]


def read_page(folder: Path = FOLDER) -> dict[str, PageFile]:
    """Return the files by URL path, `index.html` at `/` too; those of unknown type are left out."""
    files = {
        f"/{path.name}": _page_file(path)
        for path in sorted(folder.glob("*"))
        if path.is_file() and path.suffix in CONTENT_TYPES
    }
    index = files.get(f"/{INDEX}")
    return files if index is None else {"/": index, **files}


def is_current(file: PageFile, if_none_match: str) -> bool:
    """Tell whether the browser's copy is this one (RFC 9110 section 13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return file.etag in known or "*" in known


def _page_file(path: Path) -> PageFile:
    body = path.read_bytes()
    headers = {
        "Content-Type": CONTENT_TYPES[path.suffix],
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-cache",
        "ETag": f'"{sha256(body).hexdigest()[:32]}"',
        "Referrer-Policy": "no-referrer",
    }
    return PageFile(body, headers)
