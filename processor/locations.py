"""Where objects may lie: safe segments of keys, URLs taken apart, and the locations that are allowed.

Promise   No text of a user's becomes a key outside the prefix that it is put below, nor a location outside those that
          are allowed: what could be read in two ways is refused.
Invariant Pure: no disk is asked. Whether a link leads out of an allowed folder is seen when a file is opened.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote

from processor.errors import Declined

SCHEMES: Final = ("file", "s3", "gs", "az")
IMPORTS: Final = "imports"
SEGMENT_MAX: Final = 200

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/]*)(?:/(.*))?", re.DOTALL)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\%]")
_STAGE: Final = re.compile(r"\.[0-9a-f]{32}\.partial")


def segment(text: str) -> str:
    """Return *text* as one segment of a key, never empty, hidden or a way upwards; two texts never give the same one.

    Letters, digits and ``_ - .`` stay, any other byte becomes ``=`` and two hexadecimal digits; so does a dot in front.
    """
    escaped = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
    if escaped.startswith("."):
        escaped = f"=2E{escaped[1:]}"
    if len(escaped) > SEGMENT_MAX:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{escaped[: SEGMENT_MAX - 66]}=={digest}"
    return escaped or "="


def is_stage(name: str) -> bool:
    """Whether a file of this name is one that is still being written."""
    return _STAGE.fullmatch(name) is not None


def is_key(key: str) -> bool:
    """Whether *key* is one: segments between single slashes, each of which names itself and nothing else."""
    return all(_is_segment(each) for each in key.split("/"))


def _is_segment(text: str) -> bool:
    return text not in ("", ".", "..") and _UNSAFE.search(text) is None and not is_stage(text)


@dataclass(frozen=True, kw_only=True)
class Url:
    """The URL of an object or of a location, taken apart: *host* is the bucket, *path* the segments behind it."""

    scheme: str
    host: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((f"{self.scheme}://{self.host}", *(quote(each, safe="=") for each in self.path)))

    def holds(self, other: "Url") -> bool:
        """Whether *other* lies below this one."""
        return (
            (self.scheme, self.host) == (other.scheme, other.host)
            and len(other.path) > len(self.path)
            and other.path[: len(self.path)] == self.path
        )

    def below(self, *path: str) -> "Url":
        """Return what lies at *path* below it."""
        return Url(scheme=self.scheme, host=self.host, path=self.path + path)


def url_of(text: str) -> Url | None:
    """Return *text* as a URL; None where it is none, has more than scheme, host and path, or could be read in two ways.

    A path is decoded once. What is then still encoded, leads upwards, or names nothing makes it none.
    """
    match = _URL.fullmatch(text)
    if match is None or "?" in text or "#" in text:
        return None
    scheme, host, rest = match[1].lower(), match[2], match[3] or ""
    if scheme not in SCHEMES or not (host == "" if scheme == "file" else _HOST.fullmatch(host)):
        return None
    try:
        path = tuple(unquote(each, errors="strict") for each in rest.removesuffix("/").split("/")) if rest else ()
    except UnicodeDecodeError:
        return None
    if not all("/" not in each and _is_segment(each) for each in path):
        return None
    return Url(scheme=scheme, host=host, path=path)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an object lies: at *key* below the location *root*."""

    root: Url
    key: str


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """What may be read: below ``imports/`` of the object store at *home*, and below *further* locations."""

    home: Url
    further: Sequence[Url] = ()

    def allows(self, text: str) -> bool:
        """Whether what *text* names lies in one of them: a URL, or a name below ``imports/`` of the object store."""
        return self._find(text) is not None

    def place(self, text: str) -> Place:
        """Return where that is which *text* names.

        Raises:
            Declined: It is not allowed.
        """
        found = self._find(text)
        if found is None:
            raise Declined("location_not_allowed", "The file lies where nothing may be read from.")
        return found

    def _find(self, text: str) -> Place | None:
        if _SCHEME.match(text) is None:
            return Place(root=self.home, key=f"{IMPORTS}/{text}") if is_key(text) else None
        url = url_of(text)
        if url is None:
            return None
        if self.home.below(IMPORTS).holds(url):
            return _at(self.home, url)
        return next((_at(root, url) for root in self.further if root.holds(url)), None)


def _at(root: Url, url: Url) -> Place:
    return Place(root=root, key="/".join(url.path[len(root.path) :]))


def urls_of(texts: Iterable[str]) -> Sequence[Url]:
    """Return each text as a URL.

    Raises:
        ValueError: One is none; the message names it.
    """
    found = [(text, url_of(text)) for text in texts]
    for text, url in found:
        if url is None:
            raise ValueError(f"{text!r} is no location; give a folder, s3://bucket/prefix, gs:// or az://")
    return [url for _, url in found if url is not None]
