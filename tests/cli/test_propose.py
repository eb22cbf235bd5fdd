from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shapes import without_nulls
from tests.support.world import CAROL, World, clip

FIRST = 3
"""The first change id in a world: two members were added before."""


def written(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_a_create_answers_a_pending_change_record_without_nulls(world: World, tmp_path: Path) -> None:
    before = int(time.time())
    row = world.run(
        *("propose", "create", "clip", written(tmp_path / "x.json", clip())), *("--note", "please"), actor=CAROL
    ).ok()
    change = row.json
    assert without_nulls(change)
    assert list(change) == [
        *("change_id", "category", "model_name", "operation", "payload"),
        *("requested_by", "requested_username", "requested_at", "status", "notes", "updated_at"),
    ]
    assert (change["change_id"], change["category"], change["model_name"]) == (FIRST, "clip", "ViT-X/16")
    assert (change["operation"], change["status"], change["notes"]) == ("create", "pending", "please")
    assert (change["requested_by"], change["requested_username"]) == ("2", "carol#2")
    assert before <= change["requested_at"] == change["updated_at"] <= time.time()
    assert row.err == b""


def test_the_payload_of_a_create_is_the_record_as_it_will_be_stored(world: World, tmp_path: Path) -> None:
    answer = world.run("propose", "create", "clip", written(tmp_path / "x.json", clip()), actor=CAROL).ok().json
    stamp = answer["requested_at"]
    assert answer["payload"] == {
        "record_type": "clip",
        **clip(),
        "metadata": {
            "schema_version": "2.0.0",
            "created_at": stamp,
            "updated_at": stamp,
            "created_by": "carol#2",
            "updated_by": "carol#2",
        },
        "model_classification": {"domain": "image", "purpose": "feature_extractor"},
    }
    assert world.run("get", "clip", "ViT-X/16").code == 3, "nothing is live yet"


def test_a_record_can_come_from_standard_input_and_be_edited_on_the_way(world: World) -> None:
    answer = world.run(
        *("propose", "create", "clip", "-", "--name", "other", "--set", "/name=other"),
        *("--set", "/extra=[1, 2.50]", "--set", "/word=plain text", "--set-string", "/digits=12"),
        stdin=json.dumps(clip()).encode(),
        actor=CAROL,
    ).ok()
    payload = answer.json["payload"]
    assert answer.json["model_name"] == payload["name"] == "other"
    assert (payload["extra"], payload["word"], payload["digits"]) == ([1, 2.5], "plain text", "12")
    assert b"2.50" in answer.out, "numbers stay as they were written"


def test_a_record_can_be_made_by_settings_alone(world: World) -> None:
    words = ("--set", "/baseline=stable_diffusion_xl", "--set", "/nsfw=false")
    answer = world.run("propose", "create", "image_generation", "--name", "Made", *words, actor=CAROL).ok().json
    assert answer["payload"]["name"] == "Made"
    assert answer["payload"]["baseline"] == "stable_diffusion_xl"


def test_a_body_with_another_name_is_refused_unless_waived(world: World, tmp_path: Path) -> None:
    words = ("propose", "create", "clip", written(tmp_path / "x.json", clip()), "--name", "other")
    refused = world.run(*words, actor=CAROL)
    assert refused.code == 5
    assert [row["rule"] for row in refused.error["details"]] == ["name.key_mismatch"]
    taken = world.run(*words, "--allow", "name.key_mismatch", actor=CAROL).ok().json
    assert (taken["model_name"], taken["payload"]["name"]) == ("other", "ViT-X/16")
    (event,) = world.events("--change", str(taken["change_id"]))
    assert event["payload"]["waived"] == ["name.key_mismatch"]


def test_a_text_model_lists_its_variants(world: World) -> None:
    words = ("propose", "create", "text_generation", "--name", "Auth/Model-7B", "--set", "/parameters=7000000000")
    answer = world.run(*words, actor=CAROL).ok().json
    assert answer["related_models"] == ["aphrodite/Auth/Model-7B", "koboldcpp/Model-7B"]
    assert list(answer)[-1] == "related_models"
    assert answer["payload"]["text_model_group"] == "Model"


def test_an_update_by_settings_changes_these_fields_alone(world: World) -> None:
    live = world.run("get", "clip", "ViT-L/14").ok().json
    words = ("--set", "/description=better", "--unset", "/config/download/0/sha256sum")
    answer = world.run("propose", "update", "clip", "ViT-L/14", *words, actor=CAROL).ok().json
    assert without_nulls(answer)
    assert answer["operation"] == "update"
    payload = answer["payload"]
    assert payload["description"] == "better"
    assert (
        "sha256sum" not in payload["config"]["download"][0] or payload["config"]["download"][0]["sha256sum"] == "FIXME"
    )
    assert payload["metadata"]["updated_by"] == "carol#2"
    assert {k: v for k, v in payload.items() if k not in ("description", "config", "metadata")} == {
        k: v for k, v in live.items() if k not in ("description", "config", "metadata")
    }


def test_an_update_from_a_file_is_the_full_new_record(world: World, tmp_path: Path) -> None:
    live = world.run("get", "clip", "ViT-L/14").ok().json
    path = written(tmp_path / "x.json", {**live, "description": "new"})
    answer = world.run("propose", "update", "clip", "ViT-L/14", path, actor=CAROL).ok().json
    assert answer["payload"]["description"] == "new"
    assert answer["payload"]["config"] == live["config"]


def test_an_update_from_an_older_state_is_refused(world: World, tmp_path: Path) -> None:
    base = world.git("rev-parse", "main").strip()
    batch = world.approve(world.update("clip", "ViT-L/14", {"/description": "first"}))
    live = world.run("get", "clip", "ViT-L/14").ok().json
    path = written(tmp_path / "x.json", {**live, "description": "second"})
    world.apply(batch)
    stale = world.run("propose", "update", "clip", "ViT-L/14", path, "--base", base, actor=CAROL)
    assert stale.code == 4
    assert "ViT-L/14" in stale.error["message"]
    old = {**live, "metadata": {**live["metadata"], "updated_at": 1}}
    stamped = world.run("propose", "update", "clip", "ViT-L/14", written(tmp_path / "y.json", old), actor=CAROL)
    assert stamped.code == 4
    world.run("propose", "update", "clip", "ViT-L/14", path, "--base", "main", actor=CAROL).ok()


def test_an_update_needs_exactly_one_way_of_saying_what(world: World, tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", clip())
    assert world.run("propose", "update", "clip", "ViT-L/14", actor=CAROL).code == 2
    assert world.run("propose", "update", "clip", "ViT-L/14", path, "--set", "/a=1", actor=CAROL).code == 2
    assert world.run("propose", "update", "clip", "ViT-L/14", "--set", "/a=1", "--base", "main", actor=CAROL).code == 2


def test_the_editor_gets_todays_record_and_what_it_leaves_is_proposed(world: World, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/Tells how well/EDITED: tells how well/' \"$1\"\n")
    editor.chmod(0o755)
    answer = world.run(
        "propose", "update", "clip", "ViT-L/14", "--edit", actor=CAROL, env={"EDITOR": str(editor), "VISUAL": ""}
    ).ok()
    assert answer.json["payload"]["description"].startswith("EDITED: tells how well")


def test_an_editor_that_leaves_a_bad_record_loses_nobodys_typing(world: World, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho \'{"name": "ViT-L/14", "description": 7\' > "$1"\n')
    editor.chmod(0o755)
    answer = world.run(
        "propose", "update", "clip", "ViT-L/14", "--edit", actor=CAROL, env={"EDITOR": str(editor), "VISUAL": ""}
    )
    assert answer.code == 5
    kept = Path(answer.error["message"].rpartition("your text is kept in ")[2].partition(";")[0])
    assert "description" in kept.read_text(encoding="utf-8")
    kept.unlink()


def test_a_delete_has_the_live_record_as_its_payload(world: World) -> None:
    live = world.run("get", "clip", "ViT-L/14").ok().json
    answer = world.run("propose", "delete", "clip", "ViT-L/14", "--note", "gone", actor=CAROL).ok().json
    assert without_nulls(answer)
    assert (answer["operation"], answer["payload"], answer["notes"]) == ("delete", live, "gone")


def test_rival_open_proposals_are_told_on_stderr_and_nothing_else_changes(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    answer = world.run("propose", "update", "clip", "ViT-L/14", "--set", "/description=two", actor=CAROL).ok()
    assert answer.json["change_id"] == first + 1
    assert b"rival" in answer.err
    assert str(first).encode() in answer.err


def bulk(*rows: Any) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


GOOD = {"operation": "create", "category": "clip", "payload": clip("one")}
NAMED = {"operation": "create", "category": "clip", "model_name": "two", "payload": clip("two"), "note": "second"}
GONE = {"operation": "delete", "category": "clip", "model_name": "ViT-L/14"}


def test_a_bulk_answers_the_ids_of_all_its_lines(world: World, tmp_path: Path) -> None:
    path = tmp_path / "bulk.jsonl"
    path.write_bytes(bulk(GOOD, NAMED, GONE))
    head = world.refs()["refs/heads/queue"]
    answer = world.run("propose", "bulk", str(path), actor=CAROL).ok()
    assert answer.json == {"change_ids": [FIRST, FIRST + 1, FIRST + 2], "errors": []}
    assert world.git("rev-list", "--count", "--first-parent", f"{head}..queue").strip() == "1", "one commit for all"
    events = world.events("--action", "enqueue", "--actor", "2")
    assert [event["payload"]["change_id"] for event in events] == [FIRST, FIRST + 1, FIRST + 2]
    assert len({event["event_id"] for event in events}) == 3


def test_a_bulk_takes_the_good_lines_and_tells_the_bad_ones_with_their_numbers(world: World) -> None:
    bad = {"operation": "update", "category": "clip", "model_name": "nowhere", "payload": clip("nowhere")}
    answer = world.run("propose", "bulk", "-", actor=CAROL, stdin=bulk(GOOD, bad, b'{"operation": ', NAMED))
    assert answer.code == 5
    assert list(answer.json) == ["change_ids", "errors"]
    assert answer.json["change_ids"] == [FIRST, FIRST + 1]
    assert [row["line"] for row in answer.json["errors"]] == [2, 3]
    assert all(list(row) == ["line", "details"] and row["details"] for row in answer.json["errors"])
    assert answer.error["code"] == "invalid"
    assert {row["line"] for row in answer.error["details"]} == {2, 3}


def test_an_atomic_bulk_takes_all_or_nothing(world: World) -> None:
    before = world.refs()
    answer = world.run("propose", "bulk", "-", "--atomic", actor=CAROL, stdin=bulk(GOOD, {"operation": "create"}))
    assert answer.code == 5
    assert answer.out == b""
    assert answer.error["details"][0]["line"] == 2
    assert world.refs() == before


def test_an_empty_bulk_is_nothing_to_do(world: World) -> None:
    before = world.refs()
    assert world.run("propose", "bulk", "-", actor=CAROL).ok().json == {"change_ids": [], "errors": []}
    assert world.refs() == before


@pytest.mark.parametrize("line", [b"7", b"[]", b'{"operation":"drop","category":"clip"}', b'{"operation":"create"}'])
def test_a_bulk_line_that_is_no_request_says_what_is_wrong(world: World, line: bytes) -> None:
    answer = world.run("propose", "bulk", "-", actor=CAROL, stdin=line + b"\n")
    assert answer.code == 5
    assert answer.out == b""
    assert all({"line", "path", "message", "rule"} <= row.keys() for row in answer.error["details"])


def test_a_blank_note_is_no_note(world: World) -> None:
    change = world.run("propose", "delete", "clip", "ViT-L/14", "--note", "  ", actor=CAROL).ok().json
    assert "notes" not in change
    assert "Note:" not in world.git("log", "-1", "--format=%B", f"proposals/{change['change_id']}")


def test_unknown_fields_and_values_are_told_and_kept(world: World) -> None:
    answer = world.run(
        *("propose", "create", "controlnet", "--name", "c1", "--set", "/controlnet_style=control_new"),
        *("--set", "/extra=1"),
        actor=CAROL,
    ).ok()
    assert answer.json["payload"]["extra"] == 1
    told = answer.err.decode()
    assert "Unknown field: extra at /extra" in told
    assert "control_new at /controlnet_style" in told


def test_a_dataset_may_refuse_unknown_fields(world: World) -> None:
    world.rewrite_config(b"[rules]\n", b'[rules]\n"record.unknown_field" = "error"\n')
    words = ("propose", "create", "clip", "--name", "c1", "--set", "/extra=1")
    refused = world.run(*words, actor=CAROL)
    assert (refused.code, refused.error["details"][0]["rule"]) == (5, "record.unknown_field")
    assert world.run(*words, "--allow", "record.unknown_field", actor=CAROL).ok().err == b""


def test_many_warnings_are_told_in_part(world: World, tmp_path: Path) -> None:
    lines = [{"operation": "create", "category": "clip", "payload": {"name": f"m{n}", "extra": n}} for n in range(60)]
    bulk = tmp_path / "bulk.jsonl"
    bulk.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    told = world.run("propose", "bulk", str(bulk), actor=CAROL).ok().err.decode().splitlines()
    assert len(told) == 51
    assert told[-1] == "warning: and 10 more like these"


def test_a_bulk_may_delete_a_record_and_then_create_its_look_alike(world: World) -> None:
    lines = [
        {"operation": "delete", "category": "clip", "model_name": "ViT-L/14"},
        {"operation": "create", "category": "clip", "payload": {"name": "vit-l/14"}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    ids = world.run("propose", "bulk", "-", actor=CAROL, stdin=text).ok().json["change_ids"]
    world.apply(world.approve(*ids))
    assert "vit-l/14" in world.run("ls", "clip").ok().json
    assert world.run("propose", "bulk", "-", actor=CAROL, stdin=text.splitlines(keepends=True)[1]).code == 5
