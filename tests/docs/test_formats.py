"""The formats page against the code: what it lists is what there is."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.ranks import STEP
from modelref_git.formats.text import table as text_table
from modelref_git.operations.drafting import Request
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.propose import propose_create
from modelref_git.proposals.actors import ROLES, Actor
from modelref_git.proposals.config import DatasetConfig, Policy, Protection, RuleException
from modelref_git.proposals.events import ACTIONS, Event
from modelref_git.proposals.header import STATE_FORMAT, Header
from modelref_git.proposals.queue import Batch, Change
from modelref_git.proposals.reachable import config_problems
from modelref_git.proposals.request_key import RequestKey
from modelref_git.records.json_text import MAX_RECORD_BYTES
from modelref_git.records.names import MAX_FILE_KEY_BYTES, file_key
from modelref_git.store import layout
from modelref_git.store.step import Step
from tests.docs.session import CHECKOUT
from tests.support.upstream import Upstream, taken_over
from tests.support.world import ARTHUR, CAROL, World, clip

PAGE = CHECKOUT / "docs" / "formats.md"


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _section(heading: str) -> str:
    text = _page()
    start = text.index(f"\n{heading}\n")
    level = heading.partition(" ")[0]
    following = re.search(rf"\n#{{2,{len(level)}}} ", text[start + len(heading) :])
    return text[start:] if following is None else text[start : start + len(heading) + following.start()]


def _coded(text: str) -> set[str]:
    """The words in code type in the first column of the tables of *text*."""
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_every_file_key_of_the_table_is_what_the_package_makes() -> None:
    rows = re.findall(r"^\| `([^`]+)`(?: \((.*)\))? \| `([^`]+)` \|$", _section("### File keys"), re.MULTILINE)
    assert len(rows) > 10
    for name, remark, key in rows:
        text = "cafe\u0301" if remark == "decomposed" else name
        assert file_key(text) == key, name


def test_the_paths_in_the_text_are_what_the_package_makes() -> None:
    text = _page()
    assert layout.numbered_path("changes/pending", 123456) in text
    for fan_out in (1, 2):
        assert layout.record_path("CATEGORY", "Straße", fan_out).replace("CATEGORY", "<category>") in text


@pytest.mark.parametrize("number", [STATE_FORMAT, MAX_FILE_KEY_BYTES, STEP])
def test_the_numbers_in_the_text_are_those_of_the_package(number: int) -> None:
    assert re.search(rf"(?<![\w]){number}(?![\w])", _page())
    assert f"{MAX_RECORD_BYTES:,}" in _page()
    assert f"{layout.FAN_OUT_1_FROM:,}" in _page()
    assert f"{layout.FAN_OUT_2_FROM:,}" in _page()


def test_every_member_of_the_state_is_listed_and_no_other() -> None:
    header, change, batch = _section("## The state tree").split("\n**")[1:4]
    assert header.startswith("`state.json`")
    assert _coded(header) == {item.name for item in fields(Header)}
    assert _coded(change) == {item.name for item in fields(Change)}
    assert _coded(batch) == {item.name for item in fields(Batch)}


def test_every_action_and_role_is_named() -> None:
    text = _page()
    for word in (*ACTIONS, *ROLES, "approver:CATEGORY"):
        assert f"`{word}`" in text, word
    rows = _coded("\n".join(line for line in _section("### Actions").splitlines() if line.startswith("| `")))
    assert set(ACTIONS) <= rows


def test_every_member_that_a_profile_always_has_is_described() -> None:
    section = _section("### `legacy/<category>/profile.json`")
    assert {*legacy_profile.NEW_FILE, *text_table.NEW_FILE} <= _coded(section)


def test_every_hint_of_the_shipped_schemas_is_described() -> None:
    section = _section("### Schema hints")
    for path in (CHECKOUT / "schemas").glob("*.schema.json"):
        for hint in re.findall(r'"(x-[a-z-]+)"', path.read_text(encoding="utf-8")):
            assert f"`{hint}" in section, hint


def test_a_real_log_has_the_trailers_that_are_listed_and_no_others(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world")
    record = {"config": {"download": []}}
    good = world.create("esrgan", "new", {**record, "name": "new"}, note="why")
    odd = world.create("esrgan", "odd ", {**record, "name": "odd "}, allow=("*",))
    world.run("approve", str(good), "--title", "T", "--reject", str(odd), "--reason", "R").ok()
    batch = world.run("show", str(good)).json["batch_id"]
    world.run("apply", "--batch", str(batch), "--job-id", "J").ok()
    world.add_category("paint")
    source = tmp_path / "paints.jsonl"
    source.write_text('{"name": "red "}\n', encoding="utf-8")
    world.run("import", str(source), "--category", "paint", "--note", "N", "--allow", "*", "--as-proposals").ok()
    world.run("import", str(source), "--category", "paint", "--note", "N", "--allow", "*").ok()
    _go_every_way(world, record)

    queue = world.git("log", "--first-parent", "--format=%(trailers:unfold)", "queue")
    queue += _of_an_imported_queue(tmp_path)
    found = {line.partition(": ")[0] for line in queue.splitlines() if line}
    listed = _coded(_section("### Event commits"))
    assert found == listed

    assert {row["action"] for row in world.events()} == set(ACTIONS)

    commits = _section("### Proposals") + _section("### Batches") + _section("### Administrative commits")
    for line in filter(None, world.git("log", "--format=%(trailers:unfold)", "main", *_proposals(world)).splitlines()):
        assert f"`{line.partition(': ')[0]}`" in commits or f"\n{line.partition(': ')[0]}: " in commits, line


def _of_an_imported_queue(folder: Path) -> str:
    """The trailers of the import of a queue with a number of each kind that is skipped."""
    service = Upstream()
    service.review([99])
    service.purge([service.enqueue("create", "clip", "gone", clip("gone"))])
    service.review([service.enqueue("create", "clip", "kept", clip("kept"))])
    world, _ = taken_over(service, folder)
    text = world.git("log", "-1", "--format=%(trailers:unfold)", "queue")
    kept = re.search(r"^Imported: (.*)$", text, re.MULTILINE)
    assert kept is not None
    described = _coded(_section("### The import of a queue"))
    for path in world.files(kept[1]):
        assert path.partition("/")[0] in {name.partition("/")[0] for name in described}, path
    return text


def _go_every_way(world: World, record: dict[str, Any]) -> None:
    """Make the other events that there are, with all that they can say."""
    one, two, three = (str(world.create("esrgan", name, {**record, "name": name})) for name in "abc")
    by_http = replace(world.context(CAROL), route="create_v2_esrgan")
    four = str(propose_create(by_http, Request("create", "esrgan", "d", {**record, "name": "d"}))["change_id"])
    world.run("hold", one, "--reason", "R", actor=ARTHUR).ok()
    world.run("unhold", one, actor=ARTHUR).ok()
    world.run("propose", "rebase", four, "--set", "/description=x", actor=CAROL).ok()
    world.run("approve", one, two, three, "--title", "T", "--ack-critical", actor=ARTHUR).ok()
    world.run("apply", one, actor=ARTHUR).ok()
    words = ("--name", "d", "--supersedes", four)
    world.run("propose", "create", "esrgan", "-", *words, actor=CAROL, stdin=b'{"config": {"download": []}}').ok()
    _leave_a_member_behind(world)
    world.run("purge", "--status", "rejected", "--yes", actor=ARTHUR).ok()
    set_fan_out(world.context(ARTHUR), "esrgan", 1)
    for word in ("adopt", "disown"):
        who = ("-c", "user.name=x", "-c", "user.email=x@people.example")
        other = world.git(*who, "commit-tree", "main^{tree}", "-p", "main", "-m", word).strip()
        world.git("update-ref", "refs/heads/main", other)
        world.run(word, other, "--reason", "R", actor=ARTHUR).ok()

    def attested(step: Step) -> None:
        step.attested_by, step.flags = Actor("9", "robot"), ("moderator",)
        step.request = RequestKey.of("3", "K", b"hold")
        step.append(Event("hold", Actor.parse(ARTHUR), 0, 0, change_ids=(int(two),), reason="R"))

    world.context().write(attested)
    blob = world.git("hash-object", "-w", "--stdin", stdin=b'{"name": "e", "config": {"download": []}}').strip()
    world.git("read-tree", "main")
    world.git("update-index", "--add", "--cacheinfo", f"100644,{blob},dataset/gfpgan/e.json")
    tree = world.git("write-tree").strip()
    branch = world.git(*who, "commit-tree", tree, "-p", "main", "-m", "x").strip()
    world.git("update-ref", "refs/heads/intake/x", branch)
    world.run("ci", "intake", actor=ARTHUR).ok()


def _leave_a_member_behind(world: World) -> None:
    """A create that only merges beside the delete of its look-alike is pending again when that one is withdrawn."""
    gone, made = world.delete("gfpgan", "GFPGAN"), world.create("gfpgan", "gfpgan", {"config": {"download": []}})
    world.approve(gone, made)
    world.run("withdraw", str(gone), "--reason", "R", actor=CAROL).ok()


def _proposals(world: World) -> list[str]:
    queue = world.context().view().queue
    changes = (queue.change(number) or queue.purged(number) for number in range(1, queue.header.last_change_id + 1))
    return [change.commit for change in changes if change is not None]


def test_every_line_of_the_policy_and_of_protected_tables_is_described() -> None:
    section = _section("### `modelref.toml`")
    for item in (*fields(Policy), *fields(Protection), *fields(RuleException)):
        if item.name != "protected":
            assert f"`{item.name}`" in section, item.name
    example = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    config = DatasetConfig.parse(example[1].encode())
    assert config.policy == Policy(protected=config.policy.protected), "the example has what a new dataset has"
    assert config_problems(config) == []
