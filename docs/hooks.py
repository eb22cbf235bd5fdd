"""What the manual's build does to the pages: they are written for a Git host, and are a site besides.

A page links to the files around it as they lie in the repository. Three of those, `OUTSIDE`, become pages of the site;
what is left is linked to where the repository can be looked at (``extra.repository`` of mkdocs.yml), or only named.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

OUTSIDE: Final = {
    "README.md": "project/readme.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
}
"""Files of the repository that are pages, and where the site has them."""

SCREENSHOTS: Final = "screenshots"
"""The folder below the pages with the pictures that are made from the real pages of the service."""

_FENCED: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s#]*)(#[^()\s]*)?\)")
_SHOWN: Final = re.compile(rf"\]\((?:\.\./)*{SCREENSHOTS}/([\w-]+\.png)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give headings the addresses that Git hosts give them."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config


def slug(heading: str, separator: str = "-") -> str:
    """What a link to *heading* says behind the ``#``."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside; refuse to go on without the screenshots."""
    from mkdocs.exceptions import PluginError
    from mkdocs.structure.files import File

    docs = Path(config.docs_dir)
    missing = sorted(name for name in screenshots_in(docs) if not (docs / SCREENSHOTS / name).is_file())
    if missing:
        raise PluginError(
            f"the manual shows {', '.join(missing)}, which the repository does not hold; "
            f"make them with `python -m tests.docs.screenshots docs/{SCREENSHOTS}`"
        )
    root = Path(config.config_file_path).parent
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(root / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page with links that lead somewhere in the site."""
    del files
    root = Path(config.config_file_path).parent
    extra: dict[str, Any] = config.extra
    return rewritten(markdown, page.file.src_uri, root, str(extra.get("repository") or ""))


def screenshots_in(docs: Path) -> set[str]:
    """The names of the screenshots that the pages below *docs* show."""
    return {name for page in docs.rglob("*.md") for name in _SHOWN.findall(page.read_text(encoding="utf-8"))}


def rewritten(text: str, place: str, root: Path, repository: str = "") -> str:
    """The text of a page with its links as the site needs them.

    Args:
        text: what the page's file holds.
        place: the page's path in the site.
        root: the folder of the repository.
        repository: where it can be looked at, ``https://host/owner/name``; empty if nowhere.
    """
    source = next((name for name, made in OUTSIDE.items() if made == place), f"docs/{place}")

    def link(found: re.Match[str]) -> str:
        mark, words, target, anchor = found[1], found[2], found[3], found[4] or ""
        if not target or ":" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if (root / path / "README.md").is_file():
            path = f"{path}/README.md"
        inside = path.startswith("docs/") and not path.endswith(".py")  # programs are no part of the site
        there = OUTSIDE.get(path) or (path.removeprefix("docs/") if inside else None)
        if there is not None:
            return f"{mark}[{words}]({posixpath.relpath(there, posixpath.dirname(place) or '.')}{anchor})"
        return f"[{words}]({repository.rstrip('/')}/blob/HEAD/{path}{anchor})" if repository else words

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)
