from __future__ import annotations

import pytest

from modelref_git.records.categories import CATEGORIES
from tests.support.world import ARTHUR, World, clip


def test_categories_lists_all_with_counts_and_schemas(world: World) -> None:
    rows = world.run("categories").ok().json
    assert [row["category"] for row in rows] == list(CATEGORIES)
    assert all(list(row) == ["category", "records", "schema"] for row in rows)
    assert all(row["schema"] == f"schemas/{row['category']}.schema.json" for row in rows)
    files = world.files()
    for row in rows:
        assert row["records"] == sum(path.startswith(f"dataset/{row['category']}/") for path in files)
        assert row["schema"] in files


def test_ls_lists_the_names_sorted(world: World) -> None:
    names = world.run("ls", "clip").ok().json
    assert names == ["ViT-L/14", "coca_ViT-L-14"]
    assert world.run("ls", "lora").ok().json == []
    assert world.say("ls", "clip").ok().out == b"ViT-L/14\ncoca_ViT-L-14\n"


def test_get_gives_the_record_as_it_is_stored(world: World) -> None:
    answer = world.run("get", "clip", "ViT-L/14").ok()
    assert answer.out.decode() == world.git("show", "main:dataset/clip/ViT-L%2F14.json")
    assert answer.out == world.say("get", "clip", "ViT-L/14").ok().out


def test_get_of_a_category_is_a_map_in_stored_order(world: World) -> None:
    for name in ("zeta", "alpha"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
    records = world.run("get", "clip").ok().json
    assert list(records)[-2:] == ["zeta", "alpha"], "new records come last, in the order of their coming"
    assert sorted(records) == world.run("ls", "clip").ok().json
    assert records["zeta"] == world.run("get", "clip", "zeta").ok().json
    assert world.run("get", "lora").ok().json == {}


def test_members_of_one_batch_stand_in_the_order_of_their_change_ids(world: World) -> None:
    changes = [world.create("clip", name, clip(name)) for name in ("zeta", "alpha", "mid")]
    world.apply(world.approve(*changes))
    assert list(world.run("get", "clip").ok().json)[-3:] == ["zeta", "alpha", "mid"]


def test_a_record_that_is_created_again_is_new(world: World) -> None:
    for name in ("zeta", "alpha"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
    world.apply(world.approve(world.delete("clip", "zeta")))
    world.apply(world.approve(world.create("clip", "zeta", clip("zeta"))))
    assert list(world.run("get", "clip").ok().json)[-2:] == ["alpha", "zeta"]


def test_a_text_category_holds_base_names_and_a_variant_is_derived(world: World) -> None:
    names = world.run("ls", "text_generation").ok().json
    assert not [name for name in names if name.startswith(("aphrodite/", "koboldcpp/"))]
    base = world.run("get", "text_generation", "bigscience/bloom-7b1").ok().json
    for name in ("aphrodite/bigscience/bloom-7b1", "koboldcpp/bloom-7b1"):
        variant = world.run("get", "text_generation", name).ok().json
        assert variant["name"] == name
        assert variant["parameters"] == base["parameters"]
    assert world.run("get", "text_generation", "koboldcpp/nothing").code == 3


def test_reading_at_a_revision_answers_from_the_past(world: World) -> None:
    before = world.git("rev-parse", "main").strip()
    world.apply(world.approve(world.delete("clip", "ViT-L/14"), world.create("clip", "new", clip("new"))))
    assert world.run("ls", "clip").ok().json == ["coca_ViT-L-14", "new"]
    assert world.run("ls", "clip", "--at", before).ok().json == ["ViT-L/14", "coca_ViT-L-14"]
    assert world.run("get", "clip", "ViT-L/14", "--at", before[:10]).ok().json["name"] == "ViT-L/14"
    assert world.run("get", "clip", "ViT-L/14").code == 3
    assert list(world.run("get", "clip", "--at", "main~1").ok().json) == ["ViT-L/14", "coca_ViT-L-14"]


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "nothing"),
        ("get", "nothing"),
        ("get", "clip", "nothing"),
        ("get", "nothing", "x"),
        ("ls", "clip", "--at", "nowhere"),
        ("get", "clip", "--at", "0" * 40),
        ("log", "clip", "nothing"),
        ("log", "nothing", "x"),
        ("log", "clip", "nothing\\nothing"),
        ("get", "clip", "nothing\\nothing"),
        ("diff-revs", "main", "nowhere"),
        ("diff-revs", "main", "main", "--category", "nothing"),
    ],
)
def test_what_is_not_there_is_not_found(world: World, words: tuple[str, ...]) -> None:
    answer = world.run(*words)
    assert (answer.code, answer.out) == (3, b"")
    assert list(answer.error)[:3] == ["code", "message", "details"]
    assert answer.error["code"] == "not_found"
    assert any(word in answer.error["message"] for word in ("nothing", "nowhere", "0" * 40))


def test_a_revision_that_is_no_dataset_is_refused(world: World) -> None:
    answer = world.run("ls", "clip", "--at", "queue")
    assert answer.code == 3
    assert answer.out == b""


def test_a_name_that_differs_by_case_is_told(world: World) -> None:
    answer = world.run("get", "gfpgan", "gfpgan")
    assert answer.code == 3
    assert "GFPGAN" in answer.error["message"]


def test_diff_revs_tells_record_by_record(world: World) -> None:
    words = (
        world.create("clip", "new", clip("new")),
        world.update("gfpgan", "GFPGAN", {"/description": "Mends faces."}),
        world.delete("clip", "ViT-L/14"),
    )
    world.apply(world.approve(*words))
    rows = world.run("diff-revs", "main~1", "main").ok().json
    assert [(row["category"], row["model_name"], row["net_operation"]) for row in rows] == [
        ("clip", "ViT-L/14", "deleted"),
        ("clip", "new", "added"),
        ("gfpgan", "GFPGAN", "modified"),
    ]
    assert all(list(row) == ["category", "model_name", "net_operation", "field_diffs"] for row in rows)
    entry = next(row for row in rows[2]["field_diffs"] if row["field_path"] == "description")
    assert list(entry) == ["field_path", "old_value", "new_value", "change_type"]
    assert (entry["new_value"], entry["change_type"]) == ("Mends faces.", "modified")
    assert [row["category"] for row in world.run("diff-revs", "main~1", "main", "--category", "gfpgan").ok().json] == [
        "gfpgan"
    ]
    assert world.run("diff-revs", "main", "main").ok().json == []
    backwards = world.run("diff-revs", "main", "main~1").ok().json
    assert [row["net_operation"] for row in backwards] == ["added", "deleted", "modified"]


def test_log_tells_who_changed_a_record_newest_first(world: World) -> None:
    made = world.update("clip", "ViT-L/14", {"/description": "better", "/config/download/0/file_name": "n.pt"})
    world.clock.tick(60)
    world.approve(made)
    world.clock.tick(60)
    world.apply(3, actor="olivia#1")
    rows = world.run("log", "clip", "ViT-L/14").ok().json
    assert len(rows) == 2
    fields = ["commit", "change_id", "batch_id", "operation", "author", "approver", "applied_by", "time", "fields"]
    assert all(list(row) == fields for row in rows)
    newest, oldest = rows
    assert newest["commit"] == world.git("rev-parse", "main").strip()
    assert (newest["change_id"], newest["batch_id"], newest["operation"]) == (made, 3, "update")
    assert (newest["author"], newest["approver"], newest["applied_by"]) == ("carol#2", "arthur#3", "olivia#1")
    assert newest["time"] == world.clock.now
    paths = [row["path"] for row in newest["fields"]]
    assert "/description" in paths
    assert all(list(row) == ["path", "old", "new"] for row in newest["fields"])
    assert (oldest["operation"], oldest["change_id"], oldest["author"]) == ("create", None, "olivia#1")


def test_log_remembers_a_record_that_is_gone(world: World) -> None:
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    rows = world.run("log", "clip", "ViT-L/14").ok().json
    assert [row["operation"] for row in rows] == ["delete", "create"]


def test_audit_events_are_json_lines_oldest_first(world: World) -> None:
    made = world.create("clip", "a", clip("a"))
    gone = world.create("clip", "b", clip("b"))
    world.run("approve", str(made), "--title", "June", "--reject", str(gone), "--reason", "no", actor=ARTHUR).ok()
    world.run("apply", "--batch", "3", "--job-id", "J", actor=ARTHUR).ok()
    rows = world.events()
    assert [row["event_id"] for row in rows] == list(range(1, len(rows) + 1))
    fields = ["event_id", "timestamp", "action", "logical_user_id", "payload", "commit"]
    assert all(list(row) == fields for row in rows)
    queue = world.git("log", "--format=%H", "--first-parent", "--reverse", "queue").split()
    assert list(dict.fromkeys(row["commit"] for row in rows)) == queue
    assert [row["action"] for row in rows[:4]] == ["init", "enqueue", "approve", "apply"]
    _, enqueue, approve, reject, apply = rows[-5:]
    assert (enqueue["action"], enqueue["logical_user_id"]) == ("enqueue", "2")
    assert (enqueue["payload"]["operation"], enqueue["payload"]["change_id"]) == ("create", gone)
    assert list(enqueue["payload"]) == ["action", "change_id", "operation", "category", "model"]
    assert approve["payload"] == {"action": "approve", "change_id": made, "batch_id": 3, "batch_title": "June"}
    assert reject["payload"] == {
        "action": "reject", "change_id": gone, "batch_id": 3, "batch_title": "June", "reason": "no",
    }  # fmt: skip
    assert apply["payload"].items() >= {"action": "apply", "change_id": made, "batch_id": 3, "job_id": "J"}.items()


def test_audit_events_filters(world: World) -> None:
    made = world.create("clip", "a", clip("a"))
    other = world.create("clip", "b", clip("b"))
    world.clock.tick(100)
    world.apply(world.approve(made))

    def told(*words: str) -> list[tuple[str, int | None]]:
        return [(row["action"], row["payload"].get("change_id")) for row in world.events(*words)]

    assert told("--change", str(made)) == [("enqueue", made), ("approve", made), ("apply", made)]
    assert told("--change", str(other)) == [("enqueue", other)]
    assert told("--batch", "3") == [("approve", made), ("apply", made)]
    assert told("--actor", "carol#2") == told("--actor", "2") == [("enqueue", made), ("enqueue", other)]
    assert told("--action", "apply", "--action", "init") == [
        ("init", None),
        ("apply", 1),
        ("apply", 2),
        ("apply", made),
    ]
    assert told("--since", str(world.clock.now)) == [("approve", made), ("apply", made)]
    assert told("--until", str(world.clock.now - 1), "--actor", "3") == []
    assert told("--since", "2001-01-01", "--until", "2001-01-02T00:00:00") == []
    assert world.run("audit", "events", "--since", "yesterday").code == 2
    assert world.run("audit", "events", "--action", "nothing").code == 2
