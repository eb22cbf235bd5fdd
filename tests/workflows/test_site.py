"""The workflow that publishes the site: one commit on a branch of its own, anew only when something changed."""

from __future__ import annotations

import pytest

from tests.support.workflow import Host
from tests.support.world import World, clip

BRANCH = "refs/heads/gh-pages"


@pytest.mark.long
def test_the_site_is_published_and_only_when_something_changed(host: Host) -> None:
    world = World(host.remote)
    refs = world.refs()
    first = host.start("modelref-site.yml", "workflow_dispatch", {}, actor="arthur")
    assert first is not None
    assert first.ok, first.said
    assert world.refs().keys() - refs.keys() == {BRANCH}
    published = world.refs()[BRANCH]
    assert world.git("rev-list", "--count", published).strip() == "1"
    files = world.files(published)
    assert {"index.html", "search.html", ".nojekyll", ".modelref-site.json"} <= files.keys()

    again = host.start("modelref-site.yml", "schedule", {}, actor="arthur")
    assert again is not None
    assert again.ok, again.said
    assert world.refs()[BRANCH] == published
    assert "the site is as it was" in again.said

    world.apply(world.approve(world.create("clip", "brand-new", clip("brand-new"))))
    after = host.start("modelref-site.yml", "workflow_run", {"workflow_run": {"conclusion": "success"}}, actor="arthur")
    assert after is not None
    assert after.ok, after.said
    assert world.git("rev-list", "--count", BRANCH).strip() == "1"
    now = world.files(BRANCH)
    assert "records/clip/brand-new.html" in now
    same = [path for path in files if now.get(path) == files[path]]
    assert len(same) > 0.8 * len(files)
    assert {name: oid for name, oid in world.refs().items() if name != BRANCH}.keys() == refs.keys()
    world.run("verify").ok()


def test_after_a_merge_that_failed_nothing_is_published(host: Host) -> None:
    run = host.start("modelref-site.yml", "workflow_run", {"workflow_run": {"conclusion": "failure"}}, actor="arthur")
    assert run is None
