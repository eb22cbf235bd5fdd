"""The pages of members, keys and policy, as their visitors go through them."""

from __future__ import annotations

import re

import pytest
from httpx import Response

from modelref_git.operations.keys import create_key, list_keys
from modelref_git.operations.members import change_roles, list_members, remove_member
from modelref_git.operations.policy_settings import set_policy, show_policy
from modelref_git.records.quality import catalogue
from tests.support.http import wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.world import ARTHUR, CAROL, World

RULE = catalogue.RULES[0].id


def _hidden(page: Pages, path: str, name: str = "seen") -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.get(path).text)
    assert found is not None, path
    return found[1]


def _roles(world: World, ident: str) -> list[str] | None:
    return next((row["roles"] for row in list_members(world.context()) if row["user_id"] == ident), None)


def _told(answer: Response) -> str:
    return text_of(answer.text.partition("<main")[2])


def test_a_member_is_added_by_one_approver_and_another_lets_it_be(world: World) -> None:
    with wire(world) as http:
        olivia, arthur = signed_in(http, "olivia"), signed_in(http, "arthur")
        fields = {"name": "Dora", "id": "7", "emails": "dora@people.example\r\n\r\n", "role": ["requestor"]}
        answer = olivia.post("/ui/members", {**fields, "seen": _hidden(olivia, "/ui/members")})
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/members")
        page = olivia.get("/ui/members")
        assert "Change 3 waits for another approver." in _told(page)
        assert "Dora#7" not in _told(page).partition("Changes of the policy")[0]
        own = olivia.get("/ui/policy/changes/3").text
        assert "/approve" not in own, "two people"
        assert "/withdraw" in own
        shown = arthur.get("/ui/policy/changes/3")
        assert '+name = "Dora"' in shown.text.replace("&#34;", '"')
        done = arthur.post(
            "/ui/policy/changes/3/approve",
            {"content": _hidden(arthur, "/ui/policy/changes/3", "content"), "title": "Dora"},
        )
        assert (done.status_code, done.headers["location"]) == (303, "/ui/policy/changes/3")
        both = {name: _hidden(arthur, "/ui/policy/changes/3", name) for name in ("main", "head")}
        assert arthur.post("/ui/policy/changes/3/apply", both).status_code == 303
        assert "Change 3 is in force." in _told(arthur.get("/ui/policy/changes/3"))
        assert _roles(world, "7") == ["requestor"]
        assert "Dora#7" in _told(olivia.get("/ui/members"))


@pytest.mark.long
def test_what_makes_no_sense_is_told_with_what_was_typed(world: World) -> None:
    refs = world.refs()
    with wire(world) as http:
        olivia = signed_in(http, "olivia")
        seen = _hidden(olivia, "/ui/members")
        for fields, status, told in (
            ({"name": "Do<ra>", "id": "7", "emails": "nobody"}, 422, "'nobody' is no e-mail address"),
            ({"name": "Dora", "id": "2", "emails": "d@x.example"}, 409, "a member with the id '2' is there already"),
            ({"name": "", "id": "7", "emails": "d@x.example"}, 422, "is not of the form NAME#ID"),
            ({"name": "Dora", "id": "7", "emails": "d@x.example", "role": "king"}, 422, "'king' is no role"),
            (
                {"name": "Dora", "id": "7", "emails": "d@x.example", "ssh_keys": "nothing"},
                422,
                "the SSH key is not valid",
            ),
            (
                {"name": "Dora", "id": "7", "emails": "d@x.example", "ssh_keys": "-----BEGIN PRIVATE KEY-----"},
                422,
                "it is a private key",
            ),
        ):
            answer = olivia.post("/ui/members", {**fields, "seen": seen})
            assert answer.status_code == status, fields
            assert told in _told(answer)
            assert f'value="{fields["name"].replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
            assert 'role="alert"' in answer.text
            assert "BEGIN PRIVATE" not in answer.text, "that nobody else may see, and no page repeats"
    assert world.refs() == refs


@pytest.mark.long
def test_roles_are_those_that_are_ticked_and_a_member_can_be_removed(world: World) -> None:
    world.let_anybody_review()
    with wire(world) as http:
        olivia = signed_in(http, "olivia")
        page = olivia.get("/ui/member?id=2").text
        assert re.search(r'value="requestor" checked', page)
        assert not re.search(r'value="approver" checked', page)
        seen = _hidden(olivia, "/ui/member?id=2")
        answer = olivia.post("/ui/member", {"id": "2", "role": ["approver:clip"], "seen": seen})
        assert answer.status_code == 303
        assert _roles(world, "2") == ["approver:clip"]
        seen = _hidden(olivia, "/ui/member?id=2")
        assert olivia.post("/ui/member", {"id": "2", "role": ["approver:clip"], "seen": seen}).status_code == 422
        assert olivia.post("/ui/member", {"id": "2", "seen": seen}).status_code == 303
        assert _roles(world, "2") == []
        seen = _hidden(olivia, "/ui/member?id=2")
        assert olivia.post("/ui/member", {"id": "2", "seen": seen}).status_code == 422, "nothing would change"
        gone = olivia.post("/ui/member/remove", {"id": "2", "seen": seen})
        assert gone.headers["location"] == "/ui/members"
        assert _roles(world, "2") is None
        assert olivia.get("/ui/member?id=2").status_code == 404
        last = olivia.post("/ui/member/remove", {"id": "2", "seen": seen})
        assert last.status_code == 404


def test_what_changed_meanwhile_is_told_and_never_undone(world: World) -> None:
    world.let_anybody_review()
    with wire(world) as http:
        olivia = signed_in(http, "olivia")
        seen = _hidden(olivia, "/ui/member?id=2")
        change_roles(world.context(ARTHUR), "2", ["+approver:clip"])
        answer = olivia.post("/ui/member", {"id": "2", "role": ["requestor", "service"], "seen": seen})
        assert answer.status_code == 409
        assert "was changed since you looked at it" in _told(answer)
        assert "applied by arthur#3" in _told(answer)
        assert re.search(r'value="approver:clip" checked', answer.text), "what is so now, not what was sent"
        assert not re.search(r'value="service" checked', answer.text)
        assert _roles(world, "2") == ["approver:clip", "requestor"]


@pytest.mark.long
def test_settings_that_were_sent_for_an_older_policy_are_shown_beside_the_newer(world: World) -> None:
    world.let_anybody_review()
    with wire(world) as http:
        olivia = signed_in(http, "olivia")
        seen = _hidden(olivia, "/ui/policy/settings")
        set_policy(world.context(ARTHUR), [("ack_critical", True)])
        sent = {"approvals": "1", "ack_critical": "false", "replica_max_age": "3600"}
        answer = olivia.post("/ui/policy/settings", {**sent, "seen": seen})
        assert answer.status_code == 409
        assert "What you sent is otherwise: ack_critical = false, replica_max_age = 3600." in _told(answer)
        assert '<option value="true" selected>a second approver, or a second look' in answer.text
        text = show_policy(world.context()).decode()
        moved = olivia.post("/ui/policy/text", {"text": "format = 1\n# mine", "seen": seen})
        assert moved.status_code == 409
        areas = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", moved.text, re.DOTALL)
        assert areas[0].replace("&#34;", '"') == text
        assert areas[1] == "format = 1\n# mine"
    assert show_policy(world.context()).decode() == text


@pytest.mark.long
def test_settings_rules_exceptions_and_the_whole_file_are_changed_by_forms(world: World) -> None:
    world.let_anybody_review()
    with wire(world) as http:
        olivia = signed_in(http, "olivia")

        def send(path: str, at: str = "/ui/policy/settings", **fields: str) -> Response:
            return olivia.post(path, {**fields, "seen": _hidden(olivia, at)})

        assert send("/ui/policy/settings", replica_max_age="7200", **{f"rules.{RULE}": "hint"}).status_code == 303
        page = _told(olivia.get("/ui/policy"))
        assert "The policy is changed." in page
        assert "A replica that could not follow for 2 hours calls itself stale." in page
        assert f"{RULE} hint set here" in page
        assert send("/ui/policy/settings", replica_max_age="7200").status_code == 422, "nothing would change"
        refused = send("/ui/policy/settings", approvals="none")
        assert refused.status_code == 422
        assert "approvals is a number from 1 on" in _told(refused)
        assert 'value="none"' in refused.text

        exception = {"rule": RULE, "category": "clip", "name": "a b", "reason": "the <paper> says so"}
        assert send("/ui/policy/exceptions", "/ui/policy", **exception).status_code == 303
        assert "the &lt;paper&gt; says so" in olivia.get("/ui/policy").text
        wrong = send("/ui/policy/exceptions", "/ui/policy", **{**exception, "rule": "no.rule"})
        assert wrong.status_code == 422
        assert 'value="the &lt;paper&gt; says so"' in wrong.text
        del exception["reason"]
        assert send("/ui/policy/exceptions/remove", "/ui/policy", **exception).status_code == 303
        assert "Every rule holds for every record." in _told(olivia.get("/ui/policy"))
        assert send("/ui/policy/exceptions/remove", "/ui/policy", **exception).status_code == 404

        text = show_policy(world.context()).decode()
        sent = f"# Ours\n{text}".replace("\n", "\r\n")  # as browsers send it
        assert send("/ui/policy/text", "/ui/policy/text", text=sent).status_code == 303
        assert show_policy(world.context()).decode() == f"# Ours\n{text}"
        broken = send("/ui/policy/text", "/ui/policy/text", text="format = ")
        assert broken.status_code == 422
        assert ">\nformat = </textarea>" in broken.text


@pytest.mark.long
def test_a_change_of_the_policy_is_rejected_or_withdrawn_and_no_other_change_is_there(world: World) -> None:
    number = world.create("clip", "one", {"name": "one", "description": "An encoder."})
    first = set_policy(world.context(), [("replica_max_age", 60)])["change_id"]
    second = set_policy(world.context(), [("replica_max_age", 61)])["change_id"]
    with wire(world) as http:
        olivia, arthur, carol = (signed_in(http, who) for who in ("olivia", "arthur", "carol"))
        assert arthur.get(f"/ui/policy/changes/{number}").status_code == 404
        refused = arthur.post(f"/ui/policy/changes/{number}/reject", {"content": "x", "reason": "no"})
        assert refused.status_code == 404
        path = f"/ui/policy/changes/{first}"
        assert "Decide" not in _told(carol.get(path))
        assert carol.post(f"{path}/reject", {"reason": "no"}).status_code == 403
        assert carol.post(f"{path}/withdraw").status_code == 403
        blank = arthur.post(f"{path}/reject", {"content": _hidden(arthur, path, "content"), "reason": " "})
        assert blank.status_code == 422
        other = arthur.post(f"{path}/approve", {"content": "0" * 40, "title": "T"})
        assert other.status_code == 409
        assert "proposes other content" in _told(other)
        answer = arthur.post(f"{path}/reject", {"content": _hidden(arthur, path, "content"), "reason": "too short"})
        assert answer.status_code == 303
        assert "Rejected by arthur#3" in _told(olivia.get(path))
        assert "too short" in _told(olivia.get(path))
        assert olivia.post(f"/ui/policy/changes/{second}/withdraw").status_code == 303
        again = olivia.post(f"/ui/policy/changes/{second}/withdraw")
        assert again.status_code == 409


@pytest.mark.long
def test_an_approval_that_nobody_saw_is_not_undone(world: World) -> None:
    number = set_policy(world.context(), [("replica_max_age", 60)])["change_id"]
    path = f"/ui/policy/changes/{number}"
    with wire(world) as http:
        arthur = signed_in(http, "arthur")
        seen = {name: _hidden(arthur, path, name) for name in ("content", "status")}
        world.approve(number, title="policy")
        late = arthur.post(f"{path}/reject", {**seen, "reason": "too short"})
        assert late.status_code == 409
        assert world.run("show", str(number)).ok().json["status"] == "approved"


@pytest.mark.long
def test_what_is_applied_is_what_was_seen(world: World) -> None:
    number = set_policy(world.context(), [("replica_max_age", 60)])["change_id"]
    world.approve(number, title="policy")
    path = f"/ui/policy/changes/{number}"
    with wire(world) as http:
        arthur = signed_in(http, "arthur")
        both = {name: _hidden(arthur, path, name) for name in ("main", "head")}
        stale = arthur.post(f"{path}/apply", {**both, "main": "0" * 40})
        assert stale.status_code == 409
        assert "not what you looked at" in _told(stale)
        assert arthur.post(f"{path}/apply", both).status_code == 303
        assert arthur.post(f"{path}/apply", both).status_code == 409


def test_a_key_is_shown_once_on_a_page_that_nobody_keeps(world: World) -> None:
    with wire(world, auth=("file", "keys")) as http:
        carol = signed_in(http, "carol")
        made = carol.post("/ui/keys", {"label": "upload <script>", "days": "3"})
        assert made.status_code == 200
        assert made.headers["cache-control"] == "private, no-store"
        key = made.text.partition('readonly value="')[2].partition('"')[0]
        assert key.startswith("mrk_")
        page = carol.get("/ui/keys")
        assert key not in page.text
        assert "upload &lt;script&gt;" in page.text
        mine = signed_in(http, key)
        assert "signed in with it" in _told(mine.get("/ui/keys"))
        key_id = key.split("_")[1]
        again = mine.post("/ui/keys/regenerate", {"key_id": key_id})
        assert "You were signed in with its old secret" in _told(again)
        assert mine.get("/ui/keys").status_code == 303
        assert carol.post("/ui/keys/revoke", {"key_id": key_id}).status_code == 303
        assert f"The key {key_id} is revoked." in _told(carol.get("/ui/keys"))
        assert carol.post("/ui/keys/revoke", {"key_id": key_id}).status_code == 404


@pytest.mark.long
def test_nobody_gets_the_key_of_another_over_the_network_where_two_must_agree(world: World) -> None:
    ctx = world.context()
    theirs = create_key(ctx, "3", label="of arthur")
    with wire(world, auth=("file", "keys")) as http:
        olivia, carol = signed_in(http, "olivia"), signed_in(http, "carol")
        assert "of arthur" in _told(olivia.get("/ui/keys"))
        assert "of arthur" not in _told(carol.get("/ui/keys"))
        assert 'name="member"' not in olivia.get("/ui/keys").text
        before = list_keys(ctx)
        for visitor in (olivia, carol):
            assert visitor.post("/ui/keys", {"member": "3"}).status_code == 403
            assert visitor.post("/ui/keys/regenerate", {"key_id": theirs["key_id"]}).status_code == 403
        assert carol.post("/ui/keys/revoke", {"key_id": theirs["key_id"]}).status_code == 403
        assert list_keys(ctx) == before
        for fields, told in (({"days": "x"}, "1 to 36500 days"), ({"days": "0"}, "days"), ({"label": "\t\n"}, "")):
            assert olivia.post("/ui/keys", fields).status_code == (422 if told else 200)
        assert olivia.post("/ui/keys/revoke", {"key_id": theirs["key_id"]}).status_code == 303


@pytest.mark.long
def test_an_owner_who_is_the_only_approver_hands_out_keys_in_the_browser(world: World) -> None:
    world.pass_policy(remove_member(world.context(), "3"))
    with wire(world, auth=("file", "keys")) as http:
        olivia = signed_in(http, "olivia")
        assert 'name="member"' in olivia.get("/ui/keys").text
        made = olivia.post("/ui/keys", {"member": "2", "label": "first"})
        key = made.text.partition('readonly value="')[2].partition('"')[0]
        assert CAROL in signed_in(http, key).get("/ui/").text


@pytest.mark.long
def test_pages_offer_nothing_that_is_not_done_here(world: World) -> None:
    with wire(world, read_only=True) as http:
        olivia = signed_in(http, "olivia")
        for path in ("/ui/members", "/ui/member?id=2", "/ui/policy"):
            page = olivia.get(path)
            assert page.status_code == 200
            assert page.text.count("<form") == 1, "signing out alone"
        for path in ("/ui/policy/settings", "/ui/policy/text"):
            assert olivia.get(path).status_code == 503
        for path in ("/ui/members", "/ui/member", "/ui/policy/text", "/ui/policy/changes/1/approve"):
            assert olivia.post(path, {"seen": "x"}).status_code == 503
        assert olivia.get("/ui/keys").status_code == 404, "the provider knows no keys of ours"


@pytest.mark.long
def test_whoever_is_no_approver_of_everything_reads_and_changes_nothing(world: World) -> None:
    world.pass_policy(change_roles(world.context(), "2", ["+approver:clip"]))
    with wire(world) as http:
        carol, nina = signed_in(http, "carol"), signed_in(http, "nina")
        for path in ("/ui/members", "/ui/member?id=3", "/ui/policy", "/ui/policy/schemas/clip"):
            assert carol.get(path).text.count("<form") == 1
            assert nina.get(path).status_code == 403
        assert carol.get("/ui/policy/text").status_code == 403
        assert carol.get("/ui/policy/schemas/none").status_code == 404
