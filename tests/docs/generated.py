"""Makes what is made from the program: run ``python -m tests.docs.generated`` in the checkout.

With ``--check`` it only compares, names the files that are out of date, and exits 1 if there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.docs import api, commands, errors, records, ref_diagrams, rules, server, settings, verification

_PAGES = (api, commands, errors, records, rules, server, settings, verification)
PAGES: Mapping[Path, Callable[[], str]] = {module.PAGE: module.page for module in _PAGES}
FOLDERS: Mapping[Path, Callable[[], Mapping[Path, str]]] = {ref_diagrams.FOLDER: ref_diagrams.pages}
"""Folders that hold nothing else than what is made for them."""


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--check`` compare them; gives the exit code."""
    wanted: dict[Path, str | None] = {path: page() for path, page in PAGES.items()}
    for folder, pages in FOLDERS.items():
        wanted |= dict.fromkeys(folder.glob("*")) | pages()
    old = [path for path, text in wanted.items() if text != _read(path)]
    for path in old:
        sys.stdout.write(f"{path.name}\n")
        if "--check" not in arguments:
            _write(path, wanted[path])
    return 1 if old and "--check" in arguments else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
