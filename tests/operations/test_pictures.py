"""Pictures of records: proposed, merged, brought along by every step, handed out; with real files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, NotFound, UsageFault, WrongState
from modelref_git.formats.pictures import decode
from modelref_git.operations import picture_files
from modelref_git.operations.answers import find_change
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.category_schemas import update_category
from modelref_git.operations.changes import Filters
from modelref_git.operations.check import check_revision
from modelref_git.operations.ci.check import check_branch
from modelref_git.operations.drafting import Request
from modelref_git.operations.export import export_dataset
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.operations.intake import take_in
from modelref_git.operations.merging import Merging
from modelref_git.operations.picture_files import Given, name_of
from modelref_git.operations.pictures import (
    Options,
    Upload,
    image_add,
    image_list,
    image_remove,
    image_set,
    picture_bytes,
    picture_names,
)
from modelref_git.operations.propose import editing, propose_create, propose_update
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.replicas.exported import write_export
from modelref_git.operations.revert import revert_batch
from modelref_git.proposals.queue import Change
from modelref_git.reading.export import open_export
from modelref_git.store.log import read_proposal
from modelref_git.store.objects import ObjectBuffer
from tests.attacks.forging import Forger
from tests.support.branches import branch
from tests.support.clean import assert_clean
from tests.support.clones import server_and_clones
from tests.support.pictures import picture, png
from tests.support.pushed import Outsider
from tests.support.world import ARTHUR, CAROL, OPEN_SCHEMA, World, clip

RECORD = "ViT-L/14"
FILES = [picture(kind, 24 + n) for n, kind in enumerate(["PNG", "JPEG", "GIF", "WEBP"])]
PNG, JPEG, GIF, WEBP = FILES
LISTED = {"type": "array", "x-merge": {"key": "sha256"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world.git", bare=True)


def add(world: World, *files: bytes, name: str = RECORD, supersedes: int | None = None, **details: Any) -> int:
    """Propose pictures; gives the change id."""
    uploads = [Upload(data, details) for data in files]
    answer = image_add(world.context(CAROL), "clip", name, uploads, Options(supersedes=supersedes))
    return int(answer["change_id"])


def live(world: World, *files: bytes) -> int:
    """Put pictures onto main; gives the batch."""
    batch = world.approve(add(world, *files))
    world.apply(batch)
    return batch


def names(world: World, name: str = RECORD) -> list[str]:
    return [row["sha256"] for row in image_list(world.context(), "clip", name)]


def kept(world: World, revision: str = "main") -> set[str]:
    """The names of the pictures in a tree."""
    return {path.partition("/")[2] for path in world.files(revision) if path.startswith("pictures/")}


def change(world: World, number: int) -> Change:
    return find_change(world.context().view().queue, number)


def rules(fault: Invalid) -> set[str]:
    return {row["rule"] for row in fault.details}


def sums(files: Sequence[bytes]) -> list[str]:
    return [name_of(data) for data in files]


# --- proposing -------------------------------------------------------------------------------------------------------


def test_a_proposal_holds_its_record_and_the_pictures_that_main_lacks(world: World) -> None:
    number = add(world, PNG, JPEG, prompt="a cat", cfg_scale=7.5)
    made = change(world, number)
    assert made.pictures == tuple(sorted(sums([PNG, JPEG])))
    assert read_proposal(world.store, made.commit).pictures == made.pictures
    changed = {path for path, blob in world.files(made.commit).items() if world.files().get(path) != blob}
    assert changed == {*(f"pictures/{name}" for name in made.pictures), "dataset/clip/ViT-L%2F14.json"}
    assert kept(world) == set()
    world.apply(world.approve(number))
    first, second = image_list(world.context(), "clip", RECORD)
    assert first == {
        "sha256": name_of(PNG),
        "media_type": "image/png",
        "width": 24,
        "height": 16,
        "size_bytes": len(PNG),
        "prompt": "a cat",
        "cfg_scale": 7.5,
    }
    assert second["media_type"] == "image/jpeg"
    assert picture_bytes(world.context(), name_of(JPEG)) == JPEG
    assert change(world, add(world, PNG, name="coca_ViT-L-14", seed=1)).pictures == ()
    assert_clean(world.path)


def test_two_who_add_the_first_pictures_do_not_conflict(world: World) -> None:
    one, other = add(world, PNG), add(world, GIF)
    batch = world.approve(one, other)
    assert kept(world, f"batches/{batch}") == set(sums([PNG, GIF]))
    world.apply(batch)
    assert sorted(names(world)) == sorted(sums([PNG, GIF]))
    assert_clean(world.path)


@pytest.mark.long
def test_what_is_said_is_changed_ordered_and_taken_away(world: World) -> None:
    live(world, PNG, JPEG, GIF)
    ctx = world.context(CAROL)
    first = name_of(PNG)
    values = {"sort_order": 1, "prompt": "x", "loras": [{"name": "a", "strength": 0.5}]}
    world.apply(world.approve(image_set(ctx, "clip", RECORD, first[:8].upper(), values)["change_id"]))
    assert names(world) == sums([JPEG, GIF, PNG])
    cleared = image_set(ctx, "clip", RECORD, first, {}, ["prompt", "sort_order"])["change_id"]
    removed = image_remove(ctx, "clip", RECORD, [name_of(JPEG)])["change_id"]
    world.apply(world.approve(cleared, removed))
    assert names(world) == sums([PNG, GIF])
    assert "prompt" not in image_list(ctx, "clip", RECORD)[0]
    world.apply(world.approve(image_remove(ctx, "clip", RECORD, sums([PNG, GIF]))["change_id"]))
    assert image_list(ctx, "clip", RECORD) == []
    assert "pictures" not in world.run("get", "clip", RECORD).json
    assert kept(world) == set(sums([PNG, JPEG, GIF])), "what was there stays in the tree"
    assert_clean(world.path)


@pytest.mark.long
def test_what_makes_no_sense_is_refused_with_the_next_step(world: World) -> None:
    live(world, PNG)
    ctx = world.context(CAROL)
    short = name_of(PNG)[:3]
    wrong: list[tuple[type[Exception], Any]] = [
        (UsageFault, lambda: image_add(ctx, "clip", RECORD, [])),
        (UsageFault, lambda: image_add(ctx, "clip", RECORD, [Upload(GIF, {"width": 3})])),
        (UsageFault, lambda: image_add(ctx, "clip", RECORD, [Upload(GIF, {"colour": "red"})])),
        (Conflict, lambda: image_add(ctx, "clip", RECORD, [Upload(PNG)])),
        (Conflict, lambda: image_add(ctx, "clip", RECORD, [Upload(GIF), Upload(GIF)])),
        (NotFound, lambda: image_add(ctx, "clip", "none", [Upload(GIF)])),
        (Invalid, lambda: image_add(ctx, "clip", RECORD, [Upload(GIF, {"nsfw_level": 4})])),
        (UsageFault, lambda: image_set(ctx, "clip", RECORD, name_of(PNG), {})),
        (UsageFault, lambda: image_set(ctx, "clip", RECORD, short, {"seed": 1})),
        (NotFound, lambda: image_set(ctx, "clip", RECORD, name_of(GIF), {"seed": 1})),
        (UsageFault, lambda: image_remove(ctx, "clip", RECORD, [])),
        (NotFound, lambda: picture_bytes(ctx, name_of(GIF))),
        (NotFound, lambda: picture_bytes(ctx, "../modelref.toml")),
    ]
    for kind, call in wrong:
        with pytest.raises(kind):
            call()
    assert picture_names(ctx, short) == [name_of(PNG)]


def test_a_file_that_is_no_picture_is_refused_before_anything_is_written(world: World) -> None:
    before = world.objects()
    for data, rule in ((b"<svg/>", "picture.kind"), (PNG + b"x", "picture.trailing"), (PNG[:-9], "picture.structure")):
        with pytest.raises(Invalid) as caught:
            image_add(world.context(CAROL), "clip", RECORD, [Upload(data, what="cat.png")])
        assert rules(caught.value) == {rule}
        assert "cat.png" in caught.value.message
    assert world.objects() == before


@pytest.mark.long
def test_a_record_that_names_what_is_not_there_is_told_where_and_what_to_do(world: World) -> None:
    entries = [{"sha256": name_of(PNG)}, {"sha256": name_of(GIF), "width": 1}, {"sha256": "x"}]
    request = Request("update", "clip", RECORD, None, pictures=Given.uploads([GIF, WEBP]))
    with pytest.raises(Invalid) as caught:
        propose_update(world.context(CAROL), request, edit=editing([("/pictures", entries)], ()))
    assert {(row["path"], row["rule"]) for row in caught.value.details} == {
        ("/pictures", "picture.unnamed"),
        ("/pictures/0/sha256", "picture.missing"),
        ("/pictures/1/width", "picture.entry"),
        ("/pictures/2/sha256", "schema.type"),
    }
    assert "image add" in (caught.value.hint or "")


@pytest.mark.long
def test_a_create_brings_its_pictures_and_the_facts_are_filled_in(world: World) -> None:
    body = clip("New", pictures=[{"prompt": "x", "sha256": name_of(WEBP), "width": None}])
    request = Request("create", "clip", "New", body, pictures=Given.uploads([WEBP]))
    number = propose_create(world.context(CAROL), request)["change_id"]
    world.apply(world.approve(number))
    (entry,) = image_list(world.context(), "clip", "New")
    assert list(entry) == ["sha256", "media_type", "width", "height", "size_bytes", "prompt"]
    assert_clean(world.path)


@pytest.mark.long
def test_a_record_names_fifty_pictures_at_most(world: World) -> None:
    files = [picture("PNG", width) for width in range(1, 53)]
    live(world, *files[:49])
    with pytest.raises(Invalid):
        add(world, *files[49:51])
    one, other = add(world, files[49]), add(world, files[50])
    with pytest.raises(Invalid):
        world.approve(one, other)
    world.approve(one)


@pytest.mark.long
def test_a_category_of_ones_own_has_pictures_if_its_schema_says_so(world: World) -> None:
    world.add_category("plain")
    world.add_category("shown", {**OPEN_SCHEMA, "properties": {"pictures": LISTED}})
    body = {"name": "a", "pictures": [{"sha256": name_of(PNG)}]}
    ctx = world.context(CAROL)
    number = propose_create(ctx, Request("create", "plain", "a", body))["change_id"]
    assert change(world, number).pictures == ()
    with pytest.raises(Invalid) as caught:
        propose_create(ctx, Request("create", "plain", "b", body, pictures=Given.uploads([PNG])))
    assert rules(caught.value) == {"picture.unnamed"}
    with pytest.raises(Invalid) as caught:
        propose_create(ctx, Request("create", "shown", "a", body))
    assert rules(caught.value) == {"picture.missing"}
    made = propose_create(ctx, Request("create", "shown", "a", body, pictures=Given.uploads([PNG])))["change_id"]
    world.apply(world.approve(number, made))
    assert image_list(ctx, "shown", "a") == [{"sha256": name_of(PNG)}], "in one's own nothing is filled in"
    assert image_list(ctx, "plain", "a") == []
    with pytest.raises(WrongState):
        image_add(ctx, "plain", "a", [Upload(GIF)])
    # A schema that makes names of what was data is refused while their pictures are missing.
    schema = json.dumps({**OPEN_SCHEMA, "properties": {"pictures": LISTED}}).encode()
    world.apply(world.approve(world.update("plain", "a", {"/pictures/0/sha256": name_of(GIF)})))
    with pytest.raises(Invalid) as caught:
        update_category(world.context(), "plain", schema)
    assert rules(caught.value) == {"picture.missing"}
    assert_clean(world.path)


# --- the steps that bring a change along -----------------------------------------------------------------------------


@pytest.mark.long
def test_pictures_go_along_with_every_step(world: World) -> None:
    one, other, third = add(world, PNG), add(world, JPEG, name="coca_ViT-L-14"), add(world, GIF)
    world.approve(one, other, third)
    apply_changes(world.context(ARTHUR), [one])  # the rest is split off, and merged anew
    assert kept(world) == {name_of(PNG)}
    split = change(world, other).batch_id
    assert kept(world, f"batches/{split}") == set(sums([PNG, JPEG, GIF]))
    propose_rebase(world.context(CAROL), third)
    assert change(world, third).pictures == (name_of(GIF),)
    assert world.approve(third) == split  # the record was another before, so it takes an approval again
    world.run("withdraw", str(other), actor=CAROL).ok()
    assert kept(world, f"batches/{split}") == set(sums([PNG, GIF]))
    world.apply(split)
    assert kept(world) == set(sums([PNG, GIF]))
    purge_changes(world.context(ARTHUR), Filters(statuses=("rejected",)))
    assert_clean(world.path)


@pytest.mark.long
def test_a_rebase_of_an_untouched_record_takes_its_pictures_along(world: World) -> None:
    number, other = add(world, PNG, GIF), add(world, GIF, name="coca_ViT-L-14")
    world.apply(world.approve(other))
    propose_rebase(world.context(CAROL), number)
    moved = change(world, number)
    assert (moved.base, moved.pictures) == (world.context().view().main, (name_of(PNG),))
    world.apply(world.approve(number))
    assert names(world) == sums([PNG, GIF])
    assert_clean(world.path)


@pytest.mark.long
def test_an_edit_keeps_the_pictures_that_it_still_names(world: World) -> None:
    number = add(world, PNG, GIF)
    world.apply(world.approve(world.update("clip", RECORD, {"/description": "theirs"})))
    propose_rebase(world.context(CAROL), number, settings=[("/pictures", [{"sha256": name_of(GIF)}])])
    assert change(world, number).pictures == (name_of(GIF),)
    world.apply(world.approve(number))
    assert names(world) == [name_of(GIF)]
    assert_clean(world.path)


@pytest.mark.long
def test_a_picture_that_came_meanwhile_is_not_brought_again(world: World) -> None:
    number, other = add(world, PNG), add(world, PNG, name="coca_ViT-L-14")
    world.apply(world.approve(number))
    propose_rebase(world.context(CAROL), other)
    assert change(world, other).pictures == ()
    world.apply(world.approve(other))
    assert names(world, "coca_ViT-L-14") == [name_of(PNG)]
    assert_clean(world.path)


@pytest.mark.long
def test_what_takes_the_place_of_a_change_may_name_its_pictures(world: World) -> None:
    number = add(world, PNG)
    both = [{"sha256": name_of(PNG)}, {"sha256": name_of(GIF)}]
    request = Request("update", "clip", RECORD, pictures=Given.uploads([GIF]))
    edit = editing([("/pictures", both)], ())
    after = propose_update(world.context(CAROL), request, edit=edit, supersedes=number)["change_id"]
    assert change(world, after).pictures == tuple(sorted(sums([PNG, GIF])))
    world.apply(world.approve(after))
    assert names(world) == sums([PNG, GIF])
    assert_clean(world.path)


@pytest.mark.long
def test_a_revert_brings_pictures_back_and_takes_them_away(world: World) -> None:
    added = live(world, PNG, GIF)
    removed = world.approve(image_remove(world.context(CAROL), "clip", RECORD, [name_of(PNG)])["change_id"])
    world.apply(removed)
    (back,) = revert_batch(world.context(CAROL), removed)["change_ids"]
    assert change(world, back).pictures == ()
    world.apply(world.approve(back))
    assert sorted(names(world)) == sorted(sums([PNG, GIF]))
    (away,) = revert_batch(world.context(CAROL), added)["change_ids"]
    world.apply(world.approve(away))
    assert names(world) == []
    assert_clean(world.path)


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wishes=st.lists(
        st.tuples(st.sampled_from([RECORD, "coca_ViT-L-14"]), st.sets(st.integers(0, 3), min_size=1), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_a_merge_has_the_union_of_all_pictures_and_each_record_names_its_own(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[str, set[int], bool]]
) -> None:
    path = tmp_path_factory.mktemp("union") / "world.git"
    world = World.make(path, bare=True)
    live(world, FILES[0])
    wanted: dict[str, set[str]] = {RECORD: {name_of(FILES[0])}, "coca_ViT-L-14": set()}
    numbers = []
    for name, picks, says in wishes:
        files = [FILES[n] for n in sorted(picks) if not (name == RECORD and n == 0)]
        if not files:
            continue
        numbers.append(add(world, *files, name=name, **({"prompt": "p"} if says else {"seed": 1})))
        wanted[name] |= set(sums(files))
    going = []
    for number in numbers:  # what says two things of one picture conflicts, which is not what this is about
        try:
            world.approve(number)
            going.append(number)
        except Conflict:
            world.run("reject", str(number), "--reason", "R", actor=ARTHUR).ok()
    if going:
        batch = change(world, going[0]).batch_id or 0
        world.apply(batch)
    named = set(names(world)) | set(names(world, "coca_ViT-L-14"))
    brought = {name for number in going for name in change(world, number).pictures}
    assert kept(world) == brought | {name_of(FILES[0])}
    assert named <= kept(world)
    if len(going) == len(numbers):
        assert {name: set(names(world, name)) for name in wanted} == wanted
    assert_clean(world.path)
    shutil.rmtree(path)


def test_a_change_without_pictures_costs_a_merge_no_read_of_its_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = world.update("clip", RECORD, {"/description": "x"})
    made = change(world, number)
    view = world.context().view()
    read: list[str] = []
    real = ObjectBuffer.read
    monkeypatch.setattr(ObjectBuffer, "read", lambda self, oid: read.append(oid) or real(self, oid))
    Merging(view.objects, view.dataset()).add(made)
    assert made.commit not in read
    assert made.blob not in read


# --- those without rights, and clones --------------------------------------------------------------------------------


def edited(world: World, *entries: Mapping[str, Any], files: Mapping[str, bytes | str | None]) -> str:
    """A hand-made branch by mallory that gives ``ViT-L/14`` *entries* and touches *files*; gives the commit."""
    outsider = Outsider(world.path)
    rows = {**outsider.edited("clip", RECORD, pictures=list(entries)), **files}
    return outsider.push("intake/mallory", outsider.commit(rows))  # type: ignore[arg-type]


@pytest.mark.long
def test_intake_takes_pictures_that_a_branch_brings_with_its_record(world: World) -> None:
    edited(world, {"sha256": name_of(PNG)}, files={f"pictures/{name_of(PNG)}": PNG})
    report = check_branch(world.context(), "intake/mallory")
    assert [row for row in report.found.as_json()["findings"] if row["severity"] == "error"] == []
    answer = take_in(world.context(), ()).as_json()
    assert not answer["refused"], answer
    (number,) = answer["admitted"][0]["change_ids"]
    assert change(world, number).pictures == (name_of(PNG),)
    assert take_in(world.context(), ()).as_json()["admitted"] == []
    world.apply(world.approve(number))
    assert image_list(world.context(), "clip", RECORD)[0]["width"] == 24
    assert take_in(world.context(), ()).as_json()["admitted"] == []
    assert_clean(world.path)


BAD = {
    "picture.unnamed": ([{"sha256": name_of(PNG)}], {f"pictures/{name_of(s)}": s for s in (PNG, GIF)}),
    "picture.missing": ([{"sha256": name_of(PNG)}], {}),
    "picture.name": ([{"sha256": name_of(PNG)}], {f"pictures/{name_of(PNG)}": GIF}),
    "picture.entry": ([{"sha256": name_of(PNG), "width": 99}], {f"pictures/{name_of(PNG)}": PNG}),
    "picture.trailing": ([{"sha256": name_of(PNG + b"x")}], {f"pictures/{name_of(PNG + b'x')}": PNG + b"x"}),
    "intake.foreign_file": ([], {"pictures/README": b"hello"}),
    "picture.changed": ([{"sha256": name_of(JPEG)}], {f"pictures/{name_of(JPEG)}": PNG}),
}


@pytest.mark.long
@pytest.mark.parametrize("rule", BAD)
def test_what_is_wrong_with_pictures_of_a_branch_is_told_and_not_taken(world: World, rule: str) -> None:
    live(world, JPEG)
    entries, files = BAD[rule]
    edited(world, *entries, files=files)
    found = check_branch(world.context(), "intake/mallory").found.as_json()["findings"]
    assert rule in {row["rule"] for row in found}
    answer = take_in(world.context(), ()).as_json()
    assert rule in {row["rule"] for one in answer["refused"] for row in one["details"]}
    for row in answer["admitted"]:
        assert [change(world, number).pictures for number in row["change_ids"]] == [(name_of(PNG),)]
    assert_clean(world.path)


@pytest.mark.long
def test_a_picture_of_more_than_50_mb_is_judged_by_its_size_and_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = PNG + bytes(50_000_001 - len(PNG))
    edited(world, {"sha256": name_of(data)}, files={f"pictures/{name_of(data)}": data})
    blob = world.files("intake/mallory")[f"pictures/{name_of(data)}"]
    read: list[str] = []
    real = ObjectBuffer.read
    monkeypatch.setattr(ObjectBuffer, "read", lambda self, oid: read.append(oid) or real(self, oid))
    for answer in (check_branch(world.context(), "intake/mallory").found.as_json()["findings"],):
        assert "picture.size" in {row["rule"] for row in answer}
    refused = take_in(world.context(), ()).as_json()["refused"]
    assert "picture.size" in {row["rule"] for one in refused for row in one["details"]}
    assert blob not in read


@pytest.mark.long
def test_what_decodes_pictures_is_asked_of_strangers_and_not_by_verify(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Any:
        raise decode.missing(ImportError(name="PIL"))

    live(world, JPEG)
    edited(world, {"sha256": name_of(PNG)}, files={f"pictures/{name_of(PNG)}": PNG})
    monkeypatch.setattr(decode, "_pillow", none)
    monkeypatch.setattr(picture_files, "_DECODED", set())
    assert_clean(world.path)
    with pytest.raises(UsageFault) as caught:
        add(world, GIF)
    assert "modelref-git[pictures]" in (caught.value.hint or "")
    assert image_set(world.context(CAROL), "clip", RECORD, name_of(JPEG), {"seed": 3})["status"] == "pending"
    refused = take_in(world.context(), ()).as_json()["refused"]
    assert "not installed" in json.dumps(refused)


@pytest.mark.long
def test_a_ready_made_proposal_with_what_cannot_be_decoded_is_not_admitted(world: World) -> None:
    hollow = png(width=1_100, height=1_000)  # its image data ends long before its pixels do
    picture_files._DECODED.add(name_of(hollow))
    made = change(world, add(world, hollow))
    picture_files._DECODED.discard(name_of(hollow))
    other = World.make(world.path.parent / "other.git", bare=True)
    other.git("fetch", "-q", str(world.path), f"{made.commit}:refs/heads/intake/carol")
    refused = take_in(other.context(), ()).as_json()["refused"]
    assert {row["rule"] for one in refused for row in one["details"]} == {"picture.decode"}
    assert_clean(other.path)


@pytest.mark.long
def test_pictures_wait_in_a_clone_and_are_sent_with_their_proposals(tmp_path: Path) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    file = tmp_path / "cat.png"
    file.write_bytes(PNG)
    words = ("image", "add", "clip", RECORD, str(file), "--prompt", "a cat")
    assert one.run("--offline", *words, actor=CAROL).ok().json["provisional"] is True
    assert one.run("push", actor=CAROL).ok()
    number = server.context().view().queue.header.last_change_id
    assert change(server, number).pictures == (name_of(PNG),)
    file.write_bytes(GIF)
    one.git("config", "user.email", "carol@people.example")
    branch_made = one.run(*words, "--intake", actor=CAROL).ok().json["intake"]
    answer = take_in(server.context(), ()).as_json()
    assert not answer["refused"], answer
    (row,) = answer["admitted"]
    assert row["ref"] == branch_made
    assert change(server, row["change_ids"][0]).pictures == (name_of(GIF),)
    server.apply(server.approve(number, *row["change_ids"]))
    assert kept(server) == set(sums([PNG, GIF]))
    assert_clean(server.path)


# --- handing out, and looking over -----------------------------------------------------------------------------------


@pytest.mark.long
def test_exports_hand_out_the_pictures_that_live_records_name(world: World, tmp_path: Path) -> None:
    live(world, PNG, GIF)
    world.apply(world.approve(image_remove(world.context(CAROL), "clip", RECORD, [name_of(GIF)])["change_id"]))
    answer = export_dataset(world.context(), tmp_path / "all", layout="all")
    rows = [row for row in answer["files"] if "/pictures/" in row["path"]]
    assert rows == [{"path": f"v2/pictures/{name_of(PNG)}", "sha256": name_of(PNG), "records": 0}]
    assert (tmp_path / "all" / rows[0]["path"]).read_bytes() == PNG
    assert {"path": "/pictures", "rule": "legacy.lost"}.items() <= next(
        row for row in answer["warnings"] if row["name"] == RECORD and row["path"] == "/pictures"
    ).items()
    assert not (tmp_path / "all" / "legacy" / "pictures").exists()
    answer = export_dataset(world.context(), tmp_path / "old", layout="legacy")
    assert not any("pictures" in row["path"] for row in answer["files"])
    assert export_dataset(world.context(), tmp_path / "all", layout="all")["files"]


@pytest.mark.long
def test_an_export_with_pictures_is_imported_with_them(world: World, tmp_path: Path) -> None:
    live(world, PNG, GIF)
    export_dataset(world.context(), tmp_path / "v2")
    for as_proposals in (False, True):
        other = World.make(tmp_path / f"other{as_proposals}", empty=True)
        answer = import_source(other.context(), tmp_path / "v2", ImportOptions(as_proposals=as_proposals))
        if as_proposals:
            other.apply(other.approve(*answer["change_ids"]))
        assert sorted(names(other)) == sorted(sums([PNG, GIF]))
        assert kept(other) == set(sums([PNG, GIF]))
        assert_clean(other.path)
    (tmp_path / "v2" / "pictures" / name_of(GIF)).unlink()
    last = World.make(tmp_path / "last", empty=True)
    with pytest.raises(Invalid) as caught:
        import_source(last.context(), tmp_path / "v2", ImportOptions())
    assert rules(caught.value) == {"picture.missing"}


@pytest.mark.long
def test_a_replica_hands_out_pictures_once_and_links_them_from_then_on(world: World, tmp_path: Path) -> None:
    live(world, PNG)
    world.apply(world.approve(add(world, PNG, GIF, name="coca_ViT-L-14")))

    def export(name: str, before: Path | None) -> Path:
        view = world.context().view()
        event = view.queue.header.last_event_id
        write_export(world.store, view.main, event, tmp_path / name, layout="v2", before=before)
        return tmp_path / name

    first = export("first", None)
    manifest = open_export(first).manifest
    assert [row.sha256 for row in manifest.pictures] == sorted(sums([PNG, GIF]))
    assert next(row for row in manifest.categories if row.category == "clip").pictures == tuple(
        sorted(sums([PNG, GIF]))
    )
    assert open_export(first).verify() == []
    world.apply(world.approve(image_remove(world.context(CAROL), "clip", "coca_ViT-L-14", [name_of(GIF)])["change_id"]))
    second = export("second", first)
    assert [row.sha256 for row in open_export(second).manifest.pictures] == [name_of(PNG)]
    inodes = [(folder / "pictures" / name_of(PNG)).stat().st_ino for folder in (first, second)]
    assert inodes[0] == inodes[1]
    world.apply(world.approve(world.update("gfpgan", "GFPGAN", {"/description": "x"})))
    third = export("third", second)
    assert (third / "pictures" / name_of(PNG)).read_bytes() == PNG
    (third / "pictures" / name_of(PNG)).write_bytes(GIF)
    assert {problem.path for problem in open_export(third).verify()} == {f"pictures/{name_of(PNG)}"}


@pytest.mark.long
def test_check_tells_where_a_record_names_a_picture_that_is_not_there(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world.git", bare=True)
    number = add(world, PNG)
    path = "dataset/clip/ViT-L%2F14.json"
    bare = branch(world, {path: Forger(world.path).read(f"{change(world, number).commit}:{path}")})
    found = check_revision(world.context(), bare).as_json()["findings"]
    (row,) = [row for row in found if row["rule"] == "picture.missing"]
    assert (row["path"], row["severity"]) == ("/pictures/0/sha256", "error")
    assert row["file"] == path
    assert row["line"] > 1
    with pytest.raises(IntegrityFailure):
        export_dataset(world.context(), tmp_path / "out", revision=bare)
