"""Makes the screenshots that the manual shows, from the real pages: ``python -m tests.docs.screenshots DIR``.

They are no part of the repository: ``mkdocs build`` asks for them, and `docs/screenshots` is where it looks.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.support.browser import chromium
from tests.support.http_live import live
from tests.support.world import ARTHUR, CAROL, World, clip

PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "start": ("arthur", "/ui/"),
    "queue": ("arthur", "/ui/queue"),
    "change": ("arthur", "/ui/changes/{change}"),
    "batch": ("arthur", "/ui/batches/{batch}?preview=1"),
    "record": ("arthur", "/ui/record?category=esrgan&name=RealESRGAN_x2plus"),
    "propose": ("carol", "/ui/propose/update?category=esrgan&name=RealESRGAN_x2plus"),
    "audit": ("arthur", "/ui/audit"),
}
"""Each screenshot by its name: who looks at which page."""

_SIZE: Final = {"width": 1280, "height": 800}


def make(folder: Path) -> None:
    """Write all of them into *folder*, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="modelref-screenshots-") as place:
        world = World.make(Path(place) / "models")
        numbers = _fill(world)
        with live(world) as service, chromium() as browser:
            for name, (who, path) in PAGES.items():
                page = browser.new_page(viewport={**_SIZE}, color_scheme="light", locale="en-GB", timezone_id="UTC")
                page.goto(f"{service.url}/ui/sign-in")
                page.get_by_label("API key").fill(who)
                page.get_by_role("button", name="Sign in").click()
                answer = page.goto(service.url + path.format(**numbers))
                if answer is None or not answer.ok:
                    raise RuntimeError(
                        f"{path} answers {answer.status if answer else 'nothing'}: {page.inner_text('body')}"
                    )
                page.screenshot(path=folder / f"{name}.png")
                page.close()


def _fill(world: World) -> dict[str, int]:
    """Make a dataset with a past and a queue; gives the numbers of what is looked at."""

    def update(category: str, name: str, edits: Mapping[str, Any], actor: str = CAROL) -> int:
        world.clock.tick(40_000)
        return world.update(category, name, edits, actor=actor)

    def approve(*change_ids: int, title: str) -> int:
        world.clock.tick(90_000)
        return world.approve(*change_ids, title=title)

    size = update("esrgan", "RealESRGAN_x2plus", {"/description": "Makes pictures twice as large."})
    tags = update("image_generation", "stable_diffusion", {"/tags": ["classic"]})
    world.apply(approve(size, tags, title="June models"))
    encoder = world.create("clip", "ViT-B/32", clip("ViT-B/32"))
    world.apply(approve(encoder, title="A smaller encoder"))
    version = update("esrgan", "RealESRGAN_x2plus", {"/version": "0.1.1"})
    world.apply(approve(version, title="The version on its card"))
    faces = update("gfpgan", "GFPGAN", {"/description": "Mends faces in photographs."})
    words = update("clip", "ViT-L/14", {"/description": "Compares pictures with words."})
    batch = approve(faces, words, title="Clearer words")
    update("image_generation", "Inkpunk Diffusion", {"/homepage": "https://models.example/inkpunk"})
    shown = update("image_generation", "SDXL 1.0", {"/nsfw": True, "/description": "The first of its family."})
    update("image_generation", "SDXL 1.0", {"/nsfw": True, "/version": "1.0.1"}, ARTHUR)
    world.delete("codeformer", "CodeFormers")
    return {"change": shown, "batch": batch}


def main(arguments: Sequence[str]) -> int:
    """Make them in the folder that is named; gives the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.docs.screenshots DIR\n")
        return 2
    make(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
