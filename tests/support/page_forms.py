"""Forms of a page as a browser without JavaScript would send them."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

Rows = list[tuple[str, str]]


def form_in(page: str, action: str) -> Rows:
    """The fields of the form of *page* that goes to the path *action*, without its buttons, its files and its proof."""
    reader = _Forms()
    reader.feed(page)
    for where, rows in reader.forms:
        if urlsplit(where).path == action:
            return [row for row in rows if row[0] != "csrf"]
    raise AssertionError(f"no form goes to {action}")


def buttons_in(page: str) -> list[str]:
    """The values of all buttons of the forms of *page*."""
    reader = _Forms()
    reader.feed(page)
    return reader.buttons


def with_values(rows: Rows, **values: str) -> Rows:
    """*rows* with other values; ``description`` stands for the field ``f:/description``."""
    wanted = {f"f:/{name}": value for name, value in values.items()}
    assert wanted.keys() <= {name for name, _ in rows}
    return [(name, wanted.get(name, value)) for name, value in rows]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, Rows]] = []
        self.buttons: list[str] = []
        self._rows: Rows | None = None
        self._area: list[str] | None = None
        self._name = ""
        self._chosen: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "form":
            self._rows = []
            self.forms.append((given.get("action", ""), self._rows))
        elif self._rows is None:
            return
        elif tag == "button":
            self.buttons.append(value)
        elif tag == "textarea":
            self._name, self._area = name, []
        elif tag == "select":
            self._name, self._chosen = name, None
        elif tag == "option" and self._name:
            if self._chosen is None or "selected" in given:
                self._chosen = value
        elif tag == "input" and name and _is_sent(given):
            self._rows.append((name, value))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._rows = None
        elif tag == "textarea" and self._area is not None and self._rows is not None:
            self._rows.append((self._name, "".join(self._area).removeprefix("\n").replace("\n", "\r\n")))
            self._area, self._name = None, ""
        elif tag == "select" and self._rows is not None:
            self._rows.append((self._name, self._chosen or ""))
            self._name = ""


def _is_sent(given: dict[str, str]) -> bool:
    kind = given.get("type")
    return kind not in ("file", "submit") and (kind not in ("checkbox", "radio") or "checked" in given)
