"""Where each page is: one interface, as the service has paths and a static site has files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, urlencode


class Links(Protocol):
    """The addresses of pages, as attributes of a template's links; each is quoted, and still to be escaped for HTML."""

    @property
    def is_site(self) -> bool:
        """Whether they lead into a static site: then there is nothing but what can be read."""

    def asset(self, name: str) -> str:
        """A file of ``static/``."""

    def start(self) -> str:
        """The first page."""

    def dataset(self, *, at: str | None = None, **filters: str | int | None) -> str:
        """All categories; with *filters*, what a search finds."""

    def category(self, category: str, *, at: str | None = None, **filters: str | int | None) -> str:
        """The records of one category, perhaps a part of them."""

    def record(self, category: str, name: str, *, at: str | None = None) -> str:
        """One record."""

    def history(self, category: str, name: str) -> str:
        """The history of one record."""

    def picture(self, sha256: str) -> str:
        """The bytes of a picture."""

    def thumbnail(self, sha256: str) -> str:
        """A small copy of a picture."""

    def batches(self, **filters: str | int | None) -> str:
        """All batches."""

    def batch(self, batch_id: int) -> str:
        """One batch."""

    def change(self, change_id: int) -> str:
        """One change."""

    def commit(self, oid: str) -> str:
        """One commit of ``main`` or ``queue``."""

    def audit(self, **filters: str | int | None) -> str:
        """The timeline."""


class ServiceLinks:
    """The paths of the service.

    Args:
        root: what stands before every path, such as ``/api``; empty for nothing.
    """

    is_site = False

    def __init__(self, root: str = "") -> None:
        self._ui = f"{root}/ui"

    def to(self, *parts: str | int, **query: str | int | None) -> str:
        """The path of *parts* below ``/ui``, with those of *query* that are not ``None``."""
        path = "/".join([self._ui, *(quote(str(part), safe="") for part in parts)])
        given = {key: str(value) for key, value in query.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path

    def listed(self, *parts: str | int, rows: Iterable[tuple[str, str]]) -> str:
        """The path of *parts* below ``/ui`` with the query *rows*, in which a name may stand several times."""
        query = urlencode(list(rows), errors="replace")
        return f"{self.to(*parts)}?{query}" if query else self.to(*parts)

    def asset(self, name: str) -> str:
        """A file of ``static/``; its address changes with its content."""
        from modelref_git.pages import assets

        return self.to("static", name, v=assets.sum_of(name))

    def start(self) -> str:
        """The first page."""
        return f"{self._ui}/"

    def dataset(self, *, at: str | None = None, **filters: str | int | None) -> str:
        """All categories; with *filters*, what a search finds."""
        return self.to("dataset", at=at, **filters)

    def category(self, category: str, *, at: str | None = None, **filters: str | int | None) -> str:
        """The records of one category, perhaps a part of them."""
        return self.to("dataset", category, at=at, **filters)

    def record(self, category: str, name: str, *, at: str | None = None) -> str:
        """One record. Names hold slashes, and dots alone: so they stand in the query."""
        return self.to("record", category=category, name=name, at=at)

    def history(self, category: str, name: str) -> str:
        """The history of one record."""
        return self.to("record", "history", category=category, name=name)

    def picture(self, sha256: str) -> str:
        """The bytes of a picture."""
        return self.to("pictures", sha256)

    def thumbnail(self, sha256: str) -> str:
        """A small copy of a picture."""
        return self.to("pictures", sha256, "thumbnail")

    def batches(self, **filters: str | int | None) -> str:
        """All batches."""
        return self.to("batches", **filters)

    def batch(self, batch_id: int) -> str:
        """One batch."""
        return self.to("batches", batch_id)

    def change(self, change_id: int) -> str:
        """One change."""
        return self.to("changes", change_id)

    def commit(self, oid: str) -> str:
        """One commit of ``main`` or ``queue``."""
        return self.to("commits", oid)

    def audit(self, **filters: str | int | None) -> str:
        """The timeline."""
        return self.to("audit", **filters)
