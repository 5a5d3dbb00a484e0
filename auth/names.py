"""DECIDE what may be a name, a password, a contact: text in, its settled form out, or why not.

Names are compared in NFKC, without letter case: `Ann` and `ANN` are one name, and so is `Ann` in
letters of full width. A name never reaches a subject: keys in the bucket are made of its hash.
"""

import re
from hashlib import sha256
from unicodedata import category, normalize

from auth.errors import AccountRefused, Reason
from schemas.subjects import MAX_ID_BYTES, IdRefused, encode_token, room_topic

LEAST_NAME, MOST_NAME = 3, 64  # characters in NFKC
LEAST_PASSWORD = 8  # characters, as NIST SP 800-63B asks for
MOST_PASSWORD_BYTES = 1024
MOST_CONTACT = 254  # characters: the longest e-mail address (RFC 5321)
MOST_RAW_BYTES = 4096  # a longer text is refused before it is looked at
MOST_ACCEPTS = 100
ROLES = (USER, SERVICE, OPERATOR) = ("user", "service", "operator")
_BAD_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TIDY = re.compile(r"\S+(?: \S+)*")  # single blanks, none at the ends


def settle_name(text: str) -> str:
    """Return the name as it is shown: NFKC, its letter case kept. Raises AccountRefused."""
    if len(text) > MOST_RAW_BYTES:
        raise _bad_name(f"it has {len(text)} characters")
    name = normalize("NFKC", text)
    if not LEAST_NAME <= len(name) <= MOST_NAME:
        raise _bad_name(f"it has {len(name)} characters")
    if any(category(one) in _BAD_CATEGORIES for one in name) or not _TIDY.fullmatch(name):
        raise _bad_name("it holds invisible characters, or blanks at an end or in a row")
    return name


def fold_name(name: str) -> str:
    """Return what two spellings of one name have in common (Unicode's NFKC_Casefold)."""
    folded = normalize("NFKC", name).casefold()
    return normalize("NFKC", normalize("NFKC", folded).casefold())


def name_digest(text: str) -> str:
    """Return 64 hex digits for any text; spellings of one name give the same."""
    short = text[:MOST_RAW_BYTES]
    return sha256(fold_name(short).encode(errors="surrogatepass")).hexdigest()


def settle_password(password: str, name: str) -> str:
    """Return a new password as it is hashed. Raises AccountRefused."""
    settled = normal_password(password)
    if len(settled) < LEAST_PASSWORD:
        raise AccountRefused(
            Reason.BAD_PASSWORD, f"a password has at least {LEAST_PASSWORD} characters"
        )
    if fold_name(settled) == fold_name(name):
        raise AccountRefused(Reason.BAD_PASSWORD, "the password is the name")
    return settled


def normal_password(password: str) -> str:
    """Return a password in NFC, as RFC 8265 has it. Raises AccountRefused for one too long."""
    size = len(password.encode(errors="surrogatepass"))
    if size > MOST_PASSWORD_BYTES:
        words = f"a password has at most {MOST_PASSWORD_BYTES} bytes, this one has {size}"
        raise AccountRefused(Reason.BAD_PASSWORD, words)
    return normalize("NFC", password)


def settle_contact(contact: str) -> str:
    """Return a contact, which may be empty. Raises AccountRefused."""
    contact = contact.strip()
    if len(contact) > MOST_CONTACT or any(category(one) in _BAD_CATEGORIES for one in contact):
        words = f"a contact has at most {MOST_CONTACT} characters, all of them visible"
        raise AccountRefused(Reason.BAD_CONTACT, words)
    return contact


def settle_role(role: str) -> str:
    """Return a role. Raises AccountRefused."""
    if role not in ROLES:
        raise AccountRefused(Reason.BAD_FIELD, f"role must be one of {', '.join(ROLES)}")
    return role


def check_device(platform: str, key: str, room: str, accepts: int) -> None:
    """Refuse what no token can hold. Raises AccountRefused."""
    try:
        for text in (platform, key):
            if text:
                encode_token(text)
        if room:
            room_topic(room)
    except IdRefused:
        words = f"platform, key and parts of a room have 1 to {MAX_ID_BYTES} bytes"
        raise AccountRefused(Reason.BAD_FIELD, words) from None
    if accepts > MOST_ACCEPTS:
        raise AccountRefused(Reason.BAD_FIELD, f"accepts has at most {MOST_ACCEPTS} operations")


def _bad_name(why: str) -> AccountRefused:
    words = f"a name has {LEAST_NAME} to {MOST_NAME} visible characters: {why}"
    return AccountRefused(Reason.BAD_NAME, words)
