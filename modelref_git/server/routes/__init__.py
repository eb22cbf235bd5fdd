"""The routes: one file a part of the API, each with ``make``, which gives its router.

Their order is that in which paths are matched: what is asked for most stands first, and a fixed path before one with a
name in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter

from modelref_git.server import ui
from modelref_git.server.routes import (
    applying,
    audit,
    beta,
    changing,
    history,
    legacy_reading,
    legacy_writing,
    metadata,
    model_images,
    models,
    notes,
    pictures,
    queue,
    reading,
    review,
    search,
    service,
    writing,
)
from modelref_git.server.settings import Settings

ROUTERS: Final[tuple[Callable[[Settings], APIRouter], ...]] = (
    service.make,
    reading.make,
    legacy_reading.make,
    queue.make,
    review.make,
    applying.make,
    audit.make,
    changing.make,
    history.make,
    pictures.make,
    notes.make,
    search.make,
    metadata.make,
    beta.make,
    models.make,
    model_images.make,
    ui.make,
    writing.make,
    legacy_writing.make,
    reading.make_last,
    legacy_reading.make_last,
)
"""What makes each part's router."""
