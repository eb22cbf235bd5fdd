"""The schemas and records that travel with the package, from which a new dataset is made.

An installed package has them inside itself, a checkout has them at its top, in the layout of a dataset repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


@cache
def _root() -> Path:
    inside = _PACKAGE / "starter"
    return inside if inside.is_dir() else _PACKAGE.parent


@cache
def schema_bytes(category: str) -> bytes | None:
    """The schema file of a shipped category, byte for byte, or None for any other category."""
    from modelref_git.records.categories import CATEGORIES

    if category not in CATEGORIES:
        return None
    return (_root() / "schemas" / f"{category}.schema.json").read_bytes()


def starter_files() -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each record of the starter dataset, in the order of the paths.

    Paths are those of a dataset repository, such as ``dataset/clip/ViT-L%2F14.json``.
    """
    root = _root()
    paths = ((path.relative_to(root).as_posix(), path) for path in (root / "dataset").glob("*/*.json"))
    for name, path in sorted(paths):
        yield name, path.read_bytes()
