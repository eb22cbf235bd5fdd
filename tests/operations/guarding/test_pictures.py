"""Pictures that come with a push: what no program can show is refused, though its container is as it should be."""

from __future__ import annotations

import time
from pathlib import Path

from modelref_git.operations import picture_files
from modelref_git.operations.guarding.judgement import judge_push
from modelref_git.operations.guarding.push import Moved, Push, Pusher
from modelref_git.operations.picture_files import name_of
from modelref_git.operations.pictures import Upload, image_add
from modelref_git.store import layout
from modelref_git.store.git import GitStore
from tests.support.clean import assert_clean
from tests.support.pictures import picture, png
from tests.support.server import yard
from tests.support.world import CAROL

HOLLOW = png(width=1_100, height=1_000)
"""Its image data ends long before its pixels do."""


def refused(path: Path, before: str) -> set[str]:
    """The rules that refuse a push of the log as it is by now, after *before*."""
    store = GitStore.open(path)
    after = store.refs.read(layout.QUEUE)
    assert after is not None
    store.refs.move(layout.QUEUE, after, before)
    push = Push(store, (Moved(layout.QUEUE, before, after),), Pusher(trusts_claims=True), int(time.time()))
    found = {refusal.finding.rule for refusal in judge_push(push)}
    store.refs.move(layout.QUEUE, before, after)
    return found


def test_a_push_with_a_picture_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    world = yard(tmp_path / "yard.git")
    before = world.store.refs.read(layout.QUEUE) or ""
    image_add(world.context(CAROL), "clip", "ViT-L/14", [Upload(picture("PNG"))])
    assert refused(world.path, before) == set()
    before = world.store.refs.read(layout.QUEUE) or ""
    # Somebody whose program decodes nothing, or says so.
    picture_files._DECODED.add(name_of(HOLLOW))
    image_add(world.context(CAROL), "clip", "ViT-L/14", [Upload(HOLLOW)])
    picture_files._DECODED.discard(name_of(HOLLOW))
    assert_clean(world.path)  # the verdict on history is by the container alone
    assert refused(world.path, before) == {"hook.picture"}
