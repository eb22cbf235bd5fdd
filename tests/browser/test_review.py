"""A review in a real browser: by keys alone, without a script, and by two approvers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelref_git.operations.answers import find_change
from tests.support.browser import visiting
from tests.support.http_process import Process, serving
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.long

NEW: Final = "New/encoder <one>"
OLD: Final = "ViT-L/14"
FACES: Final = "GFPGAN"
TOLD: Final = "Compares <em>pictures</em> with words."
TABS_AT_MOST: Final = 150


@dataclass(slots=True)
class Room:
    """A service in a process of its own, and who visits it with keys that its owner made."""

    service: Process
    browser: Browser
    open: ExitStack
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """What it serves."""
        return self.service.world

    def key(self, who: str) -> str:
        """The key of a member, made once."""
        if who not in self.keys:
            self.keys[who] = self.world.run("key", "create", who.partition("#")[2]).ok().json["key"]
        return self.keys[who]

    def visitor(self, who: str | None, **options: Any) -> Page:
        """A page of somebody; of somebody who has yet to sign in, if nobody is named."""
        key = self.key(who) if who is not None else None
        return self.open.enter_context(visiting(self.browser, self.service.url, key, **options))

    def see(self, page: Page, path: str) -> Page:
        """Have *page* show what is at *path*."""
        page.goto(f"{self.service.url}/ui/{path}")
        return page

    def status(self, number: int) -> str:
        """Where a change stands, by the repository."""
        return str(self.world.run("show", str(number)).ok().json["status"])

    def record(self, category: str, name: str) -> dict[str, Any] | None:
        """A record of ``main``, by the repository."""
        answer = self.world.run("get", category, name)
        return answer.json if answer.code == 0 else None


@pytest.fixture
def room(browser: Browser, tmp_path: Path) -> Iterator[Room]:
    world = World.make(tmp_path / "world")
    with serving(world, "--no-access-log") as service, ExitStack() as opened:
        yield Room(service, browser, opened)
        verdict = world.run("verify")
        assert verdict.ok().json["ok"] is True


# --- hands -----------------------------------------------------------------------------------------------------------


def press(page: Page, *keys: str) -> None:
    """Press keys one after another."""
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is focused is called *name*."""
    script = """() => {
        const one = document.activeElement;
        return (one.labels?.length ? one.labels[0] : one).textContent.trim().replace(/\\s+/g, " ");
    }"""
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(script) == name:
            return
    raise AssertionError(f"no Tab leads to {name!r} on {page.url}")


def follow_by_keys(page: Page, name: str) -> None:
    """Enter the link or button called *name*."""
    tab_to(page, name)
    press(page, "Enter")


def follow(page: Page, name: str) -> None:
    """Click the link or button called *name*."""
    page.locator("main").get_by_role("button", name=name, exact=True).or_(
        page.locator("main").get_by_role("link", name=name, exact=True)
    ).first.click()


def told(page: Page, text: str) -> None:
    """Wait until *page* tells that something was done."""
    page.locator(".notice[role=status]").filter(has_text=text).wait_for()


def refused(page: Page, act: Callable[[], object]) -> str:
    """What is told of *act*, which somebody else was faster than."""
    with page.expect_navigation() as answer:
        act()
    assert answer.value.status == 409
    return " ".join(page.inner_text("main").split())


# --- the story -------------------------------------------------------------------------------------------------------


def propose(room: Room, carol: Page) -> None:
    """Carol proposes through the form: a record with two files, a change of one, and that one be deleted."""
    room.see(carol, "propose")
    carol.locator("#create-category").select_option("clip")
    follow(carol, "Fill in the form")
    carol.fill('input[name="f:/name"]', NEW)
    carol.fill('textarea[name="f:/description"]', "An encoder.")
    _file(carol, 0, "one.pt")
    carol.click('button[value="add /config/download"]')
    _file(carol, 1, "two.pt")
    carol.click('.bottom button[value="propose"]')
    told(carol, "Change 3 is proposed")
    room.see(carol, f"propose/update?category=clip&name={OLD}")
    carol.fill('textarea[name="f:/description"]', TOLD)
    follow(carol, "Preview the change")
    follow(carol, "Propose it")
    told(carol, "Change 4 is proposed")
    room.see(carol, f"propose/delete?category=gfpgan&name={FACES}")
    carol.get_by_label("Note for whoever reviews it").fill("Nobody uses it.")
    follow(carol, "Propose to delete it")
    told(carol, "Change 5 is proposed")


def _file(page: Page, number: int, name: str) -> None:
    page.fill(f'input[name="f:/config/download/{number}/file_name"]', name)
    page.fill(f'input[name="f:/config/download/{number}/file_url"]', f"https://models.example/{name}")
    page.fill(f'input[name="f:/config/download/{number}/sha256sum"]', f"{number}" * 64)


def assert_applied(room: Room) -> None:
    """What the repository says once two are applied and one is rejected."""
    assert [room.status(number) for number in (3, 4, 5)] == ["applied", "applied", "rejected"]
    assert room.world.run("show", "5").json["reject_reason"] == "It is used, by me."
    assert room.world.run("show", "3").json["batch_title"] == "June <models>"
    made, changed = room.record("clip", NEW), room.record("clip", OLD)
    assert made is not None
    assert [one["file_name"] for one in made["config"]["download"]] == ["one.pt", "two.pt"]
    assert changed is not None
    assert changed["description"] == TOLD
    assert room.record("gfpgan", FACES) is not None


def test_an_approver_reviews_applies_and_reverts_by_keys_alone(room: Room) -> None:
    before = room.record("clip", OLD)
    propose(room, room.visitor(CAROL))

    arthur = room.see(room.visitor(None), "queue")
    arthur.keyboard.type(room.key(ARTHUR))
    press(arthur, "Enter")
    arthur.wait_for_url("**/ui/queue")
    _decide_by_keys(arthur, "June <models>", reject="It is used, by me.")
    told(arthur, "Done: 2 approved as batch 3, “June <models>”; 1 rejected")
    assert [room.status(number) for number in (3, 4, 5)] == ["approved", "approved", "rejected"]

    follow_by_keys(arthur, "Preview and apply")
    arthur.wait_for_url("**/ui/batches/3")
    follow_by_keys(arthur, "Apply the batch")
    told(arthur, "2 changes of batch 3 went live.")
    assert_applied(room)

    follow_by_keys(arthur, "See what would be proposed")
    arthur.wait_for_url("**/ui/batches/3?revert=1")
    follow_by_keys(arthur, "Propose the revert")
    told(arthur, "Proposed: 6, 7.")

    # What Arthur asks for, somebody else looks at.
    olivia = room.see(room.visitor(OWNER), "queue")
    _decide_by_keys(olivia, "Back again")
    told(olivia, "Done: 2 approved")
    follow_by_keys(olivia, "Preview and apply")
    olivia.wait_for_url("**/ui/batches/4")
    follow_by_keys(olivia, "Apply the batch")
    told(olivia, "2 changes of batch 4 went live.")
    assert room.record("clip", NEW) is None
    after = room.record("clip", OLD)
    assert before is not None
    assert after is not None
    assert after["description"] == before["description"]


def _decide_by_keys(page: Page, title: str, reject: str | None = None) -> None:
    """Approve the first two of the queue, and reject the third if there is a reason to."""
    press(page, "j")  # there
    press(page, "j", "k", "a", "a")  # one on and back again
    if reject is not None:
        press(page, "r")
        page.keyboard.type(reject)
        press(page, "Enter")
    press(page, "d")
    page.keyboard.type(title)
    press(page, "Enter")


def test_keys_open_hold_and_let_go_and_take_nothing_from_those_who_type(room: Room) -> None:
    number = room.world.update("clip", OLD, {"/description": TOLD})
    arthur = room.see(room.visitor(ARTHUR), "queue")
    press(arthur, "j", "h")
    arthur.keyboard.type("jar: a hard word?")
    press(arthur, "Escape", "?")
    assert arthur.get_by_role("dialog").is_visible()
    press(arthur, "Escape")
    tab_to(arthur, "Decide")
    press(arthur, "Enter")
    told(arthur, "Done: 1 held.")
    assert find_change(room.world.context().view().queue, number).hold_reason == "jar: a hard word?"
    press(arthur, "j", "h")
    tab_to(arthur, "Decide")
    press(arthur, "Enter")
    told(arthur, "Done: 1 let go.")
    press(arthur, "j", "o")
    arthur.wait_for_url(f"**/ui/changes/{number}")


def test_the_same_works_without_a_script(room: Room) -> None:
    off = {"java_script_enabled": False}
    before = room.record("clip", OLD)
    propose(room, room.visitor(CAROL, **off))

    arthur = room.see(room.visitor(ARTHUR, **off), "queue")
    for number, choice in ((3, "approve"), (4, "approve"), (5, "reject")):
        arthur.check(f'input[name="choice-{number}"][value="{choice}"]')
    arthur.fill("#reason-5", "It is used, by me.")
    arthur.fill("#title", "June <models>")
    press(arthur, "Enter")
    told(arthur, "Done: 2 approved as batch 3, “June <models>”; 1 rejected")
    follow(arthur, "Preview and apply")
    follow(arthur, "Apply the batch")
    told(arthur, "2 changes of batch 3 went live.")
    assert_applied(room)
    follow(arthur, "See what would be proposed")
    follow(arthur, "Propose the revert")
    told(arthur, "Proposed: 6, 7.")

    olivia = room.visitor(OWNER, **off)
    for number in (6, 7):
        room.see(olivia, f"changes/{number}")
        olivia.get_by_label("Title of the batch").fill("Back again")
        if olivia.get_by_label("I looked at the critical fields a second time").count():
            olivia.get_by_label("I looked at the critical fields a second time").check()
        follow(olivia, "Approve exactly this")
        told(olivia, "Done: 1 approved as batch 4")
    room.see(olivia, "batches/4")
    follow(olivia, "Apply the batch")
    told(olivia, "2 changes of batch 4 went live.")
    assert room.record("clip", NEW) is None
    after = room.record("clip", OLD)
    assert before is not None
    assert after is not None
    assert after["description"] == before["description"]


# --- two at once -----------------------------------------------------------------------------------------------------


def test_who_decides_second_in_the_queue_is_told_who_was_first_and_goes_on_with_the_rest(room: Room) -> None:
    for name in ("one", "two", "three"):
        room.world.create("clip", name, clip(name))
    arthur, olivia = (room.see(room.visitor(who), "queue") for who in (ARTHUR, OWNER))
    _choose(arthur, {3: "approve", 4: "reject"}, "Arthur's", "a copy of another")
    _choose(olivia, {3: "approve", 4: "approve", 5: "approve"}, "Olivia's")
    follow(arthur, "Decide")
    told(arthur, "Done: 1 approved as batch 3")

    said = refused(olivia, lambda: follow(olivia, "Decide"))
    assert "Nothing of what you sent was done" in said
    assert "arthur#3 approved it: it is in batch 3" in said
    assert "arthur#3 rejected it: a copy of another" in said
    assert [room.status(number) for number in (3, 4, 5)] == ["approved", "rejected", "pending"]
    follow(olivia, "Decide the other")
    told(olivia, "Done: 1 approved as batch 3")
    assert room.status(5) == "approved"


def _choose(page: Page, choices: dict[int, str], title: str, reason: str = "") -> None:
    for number, choice in choices.items():
        page.check(f'input[name="choice-{number}"][value="{choice}"]')
    page.fill("#title", title)
    page.fill("#reason", reason)


def test_who_rejects_what_another_has_approved_meanwhile_is_told_so(room: Room) -> None:
    room.world.create("clip", "one", clip("one"))
    arthur, olivia = (room.see(room.visitor(who), "queue") for who in (ARTHUR, OWNER))
    _choose(arthur, {3: "approve"}, "Arthur's")
    _choose(olivia, {3: "reject"}, "", "not this one")
    follow(arthur, "Decide")
    told(arthur, "Done: 1 approved")
    assert "arthur#3 approved it" in refused(olivia, lambda: follow(olivia, "Decide"))
    assert room.status(3) == "approved"


def test_who_decides_second_on_the_page_of_a_change_is_told_who_was_first(room: Room) -> None:
    room.world.update("clip", OLD, {"/description": TOLD})
    room.world.update("clip", OLD, {"/version": "2"})
    arthur, olivia, carol = (room.visitor(who) for who in (ARTHUR, OWNER, CAROL))
    for page in (arthur, olivia):
        room.see(page, "changes/3").get_by_label("Title of the batch").fill("June")
    arthur.locator("#reject-reason").fill("a copy of another")
    follow(arthur, "Reject")
    told(arthur, "Done: 1 rejected")
    said = refused(olivia, lambda: follow(olivia, "Approve exactly this"))
    assert "Nothing was done, somebody was first: arthur#3 rejected it: a copy of another" in said
    assert room.status(3) == "rejected"

    room.see(olivia, "changes/4").get_by_label("Title of the batch").fill("June")
    room.see(carol, "changes/4")
    follow(carol, "Withdraw")
    told(carol, "Change 4 is withdrawn.")
    assert "carol#2" in refused(olivia, lambda: follow(olivia, "Approve exactly this"))
    assert room.world.run("changes", "--status", "approved").ok().json["items"] == []


def test_of_two_who_apply_a_batch_one_does_and_the_other_is_told(room: Room) -> None:
    room.world.approve(room.world.update("clip", OLD, {"/description": TOLD}))
    arthur, olivia = (room.see(room.visitor(who), "batches/3?preview=1") for who in (ARTHUR, OWNER))
    follow(arthur, "Apply the batch")
    told(arthur, "1 change of batch 3 went live.")
    main = room.world.git("rev-parse", "main")
    said = refused(olivia, lambda: follow(olivia, "Apply the batch"))
    assert "main is not what you looked at any more" in said
    assert "Applied arthur#3" in said
    assert room.world.git("rev-parse", "main") == main


def test_who_applies_another_batch_than_they_looked_at_looks_again(room: Room) -> None:
    room.world.approve(room.world.update("clip", OLD, {"/description": TOLD}))
    olivia = room.see(room.visitor(OWNER), "batches/3?preview=1")
    room.world.approve(room.world.create("clip", "one", clip("one")))
    main = room.world.git("rev-parse", "main")
    said = refused(olivia, lambda: follow(olivia, "Apply the batch"))
    assert "batch 3 is not what you looked at any more" in said
    assert room.world.git("rev-parse", "main") == main
    follow(olivia, "Apply the batch")
    told(olivia, "2 changes of batch 3 went live.")


def test_an_edit_of_what_others_changed_meanwhile_asks_which_is_to_stand(room: Room) -> None:
    carol = room.see(room.visitor(CAROL), f"propose/update?category=clip&name={OLD}")
    carol.fill('textarea[name="f:/description"]', "Carol's")
    carol.fill('input[name="f:/version"]', "carol")
    theirs = room.world.update("clip", OLD, {"/description": TOLD}, actor=ARTHUR)
    room.world.apply(room.world.approve(theirs, actor=OWNER), actor=OWNER)
    said = refused(carol, lambda: follow(carol, "Preview the change"))
    assert f"{OLD} was changed meanwhile" in said
    assert "Carol's" in said
    assert TOLD in said
    assert room.world.run("changes", "--status", "pending").ok().json["items"] == []
    follow(carol, "the record's history")
    assert "arthur#3" in carol.inner_text("main")
    carol.go_back()
    carol.get_by_label("Keep what is there now").check()
    follow(carol, "Go on with these")
    follow(carol, "Preview the change")
    follow(carol, "Propose it")
    told(carol, "Change 4 is proposed")
    proposed = room.world.run("show", "4").ok().json["payload"]
    assert (proposed["description"], proposed["version"]) == (TOLD, "carol")
