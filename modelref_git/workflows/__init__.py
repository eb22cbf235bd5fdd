"""Workflows for the CI of a dataset repository: files that are laid into it, and belong to it from then on."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from modelref_git import __version__

FOLDER: Final = ".github/workflows"
"""Where GitHub, Gitea and Forgejo look for workflows."""

_NAMES: Final = ("modelref-check.yml", "modelref-intake.yml", "modelref-merge.yml", "modelref-site.yml")
_VERSION: Final = "@VERSION@"


def github_files() -> list[tuple[str, bytes]]:
    """Path and bytes of each workflow; the program that they install is this version of it."""
    folder = files(__name__) / "github"
    found = [(name, (folder / name).read_text(encoding="utf-8")) for name in _NAMES]
    return [(f"{FOLDER}/{name}", text.replace(_VERSION, __version__).encode()) for name, text in found]
