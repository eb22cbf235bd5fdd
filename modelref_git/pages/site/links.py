"""The addresses of a static site: files, each relative to the page that links to it, so that it works anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import relpath
from typing import Final
from urllib.parse import quote, urlencode

from modelref_git.pages import assets
from modelref_git.records.names import file_key

START: Final = "index.html"
DATASET: Final = "dataset/index.html"
SEARCH: Final = "search.html"
STATIC: Final = "static"


def category_page(category: str, number: int = 1) -> str:
    """The file of one page of a category."""
    return f"dataset/{_safe(category)}/{'index' if number == 1 else f'page-{number}'}.html"


def record_page(category: str, name: str) -> str:
    """The file of a record; the folder keeps its history apart from every name."""
    return f"records/{_safe(category)}/{file_key(name)}.html"


def history_page(category: str, name: str, number: int = 1) -> str:
    """The file of one page of a record's history; the later ones stand where no first one can."""
    folder = f"{_safe(category)}/{file_key(name)}"
    return f"histories/{folder}.html" if number == 1 else f"older/{folder}/{number}.html"


def batches_page(number: int = 1) -> str:
    """The file of one page of the list of batches."""
    return f"batches/{'index' if number == 1 else f'page-{number}'}.html"


def batch_page(batch_id: int, number: int = 1) -> str:
    """The file of one page of a batch."""
    return f"batches/{batch_id}.html" if number == 1 else f"batches/{batch_id}-{number}.html"


def commit_page(oid: str) -> str:
    """The file of a commit of ``main``."""
    return f"commits/{oid}.html"


def picture_file(sha256: str, suffix: str) -> str:
    """The file of a picture; hosts tell its kind from the *suffix*."""
    return f"pictures/{sha256}{suffix}"


def thumbnail_file(sha256: str) -> str:
    """The file of a picture's small copy."""
    return f"pictures/{sha256}.small.webp"


def asset_file(name: str) -> str:
    """The file of one of the pages' own files; another content is another file."""
    path = PurePosixPath(name)
    return f"{STATIC}/{path.stem}.{assets.sum_of(name)}{path.suffix}"


@dataclass(frozen=True, slots=True)
class Places:
    """What a site has, as far as links ask for it."""

    changes: Mapping[int, str] = field(default_factory=dict)
    """By change, the file of the page of its batch that tells of it."""
    commits: frozenset[str] = frozenset()
    """Those that have a page."""
    suffixes: Mapping[str, str] = field(default_factory=dict)
    """By picture, the end of its file's name."""


class SiteLinks:
    """The links of one page of a site.

    Args:
        here: the file of that page.
        places: what there is to link to.
    """

    is_site = True

    def __init__(self, here: str, places: Places) -> None:
        self._folder = str(PurePosixPath(here).parent)
        self._places = places

    def file(self, path: str, fragment: str = "") -> str:
        """The file *path* of the site."""
        found = quote(relpath(path, self._folder))
        return f"{found}#{quote(fragment)}" if fragment else found

    def asset(self, name: str) -> str:
        """A file of ``static/``."""
        return self.file(asset_file(name))

    def start(self) -> str:
        """The first page."""
        return self.file(START)

    def dataset(self, *, at: str | None = None, **filters: str | int | None) -> str:  # noqa: ARG002 - today's is all there is
        """All categories; with *filters*, what a search finds."""
        given = {key: str(value) for key, value in filters.items() if value not in (None, "")}
        return f"{self.file(SEARCH)}?{urlencode(given)}" if given else self.file(DATASET)

    def category(self, category: str, *, at: str | None = None, **filters: str | int | None) -> str:  # noqa: ARG002
        """One page of the records of a category."""
        page = filters.get("page")
        return self.file(category_page(category, int(page) if page else 1))

    def record(self, category: str, name: str, *, at: str | None = None) -> str:  # noqa: ARG002
        """One record."""
        return self.file(record_page(category, name))

    def history(self, category: str, name: str) -> str:
        """The history of one record."""
        return self.file(history_page(category, name))

    def picture(self, sha256: str) -> str:
        """The bytes of a picture."""
        return self.file(picture_file(sha256, self._places.suffixes.get(sha256, "")))

    def thumbnail(self, sha256: str) -> str:
        """A small copy of a picture."""
        return self.file(thumbnail_file(sha256))

    def batches(self, **filters: str | int | None) -> str:
        """One page of the list of batches."""
        page = filters.get("page")
        return self.file(batches_page(int(page) if page else 1))

    def batch(self, batch_id: int) -> str:
        """One batch."""
        return self.file(batch_page(batch_id))

    def change(self, change_id: int) -> str:
        """One change: its place on the page of its batch."""
        page = self._places.changes.get(change_id)
        return self.file(page, f"change-{change_id}") if page is not None else self.batches()

    def commit(self, oid: str) -> str:
        """One commit of ``main``."""
        return self.file(commit_page(oid)) if oid in self._places.commits else self.batches()

    def audit(self, **filters: str | int | None) -> str:  # noqa: ARG002 - a site has batches alone
        """What became of the dataset."""
        return self.batches()


def _safe(category: str) -> str:
    return file_key(category)
