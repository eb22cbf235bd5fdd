from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records.pictures import PICTURES
from tests.support.http import wire
from tests.support.page_forms import Rows, buttons_in, form_in, with_values
from tests.support.pages import ORIGIN, Pages, signed_in, text_of
from tests.support.pictures import picture
from tests.support.world import World, clip

CREATE = "/ui/propose/create"
UPDATE = "/ui/propose/update"
CLIP = "/ui/propose/update?category=clip&name=ViT-L%2F14"
MARKUP = '<script>alert("x")</script>&amp;\'"'


def pressed(rows: Rows, button: str) -> Rows:
    return [*rows, ("act", button)]


def described(pages: Pages, text: str, path: str = CLIP) -> Rows:
    """The form of a change, with another description in it."""
    return with_values(form_in(pages.get(path).text, UPDATE), description=text)


def shown(world: World, number: int) -> dict[str, Any]:
    found: dict[str, Any] = world.run("show", str(number)).ok().json
    return found


def test_a_contributor_without_javascript_adds_a_row_takes_it_back_and_proposes(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = form_in(carol.get(f"{CREATE}?category=clip").text, CREATE)
        rows = with_values(rows, name="New/clip", description="Made here.", **{"config/download/0/file_name": "a.pt"})

        more = carol.post(CREATE, pressed(rows, "add /config/download"))
        assert more.status_code == 200
        rows = form_in(more.text, CREATE)
        assert ("f:/config/download/1/file_name", "") in rows
        assert ("f:/name", "New/clip") in rows
        rows = with_values(rows, **{"config/download/1/file_name": "b.pt"})
        assert "drop /config/download/0" in buttons_in(more.text)
        rows = form_in(carol.post(CREATE, pressed(rows, "drop /config/download/0")).text, CREATE)
        assert ("f:/config/download/0/file_name", "b.pt") in rows
        assert not any(name.startswith("f:/config/download/1/") for name, _ in rows)

        refused = carol.post(CREATE, pressed(rows, "propose"))
        assert refused.status_code == 422
        assert "Field required" in text_of(refused.text)
        assert 'aria-invalid="true"' in refused.text
        rows = with_values(
            form_in(refused.text, CREATE), **{"config/download/0/file_url": "https://models.example/b.pt"}
        )
        done = carol.post(CREATE, pressed(rows, "propose"))
        assert (done.status_code, done.headers["location"]) == (303, "/ui/changes/3")
        again = carol.post(CREATE, pressed(rows, "propose"))
        assert again.headers["location"] == "/ui/changes/3"
        assert "Change 3 is proposed" in text_of(carol.get("/ui/propose").text)
        edited = carol.post(CREATE, pressed(with_values(rows, description="Another."), "propose"))
        assert edited.headers["location"] == "/ui/changes/4"
    record = shown(world, 3)["payload"]
    assert record["name"] == "New/clip"
    assert [one["file_name"] for one in record["config"]["download"]] == ["b.pt"]


def test_a_change_is_previewed_goes_back_to_its_form_and_is_proposed_with_its_note(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        form = carol.get(CLIP)
        assert form.headers["cache-control"] == "private, no-cache"
        rows = [
            (name, "Why: it is\r\nbetter." if name == "note" else value) for name, value in described(carol, MARKUP)
        ]
        preview = carol.post(UPDATE, pressed(rows, "preview"))
        assert preview.status_code == 200
        assert "1 field would change" in text_of(preview.text)
        assert MARKUP not in preview.text
        assert MARKUP in text_of(preview.text)
        whole = form_in(preview.text, UPDATE)
        back = form_in(carol.post(UPDATE, pressed(whole, "fields")).text, UPDATE)
        assert ("f:/description", MARKUP) in back
        done = carol.post(UPDATE, pressed(whole, "propose"))
        assert done.headers["location"] == "/ui/changes/3"
    change = shown(world, 3)
    assert change["payload"]["description"] == MARKUP
    assert change["notes"] == "Why: it is\nbetter."
    assert change["payload"]["metadata"]["updated_by"] == "carol#2"


@pytest.mark.long
def test_only_who_may_propose_gets_a_form_and_only_from_our_own_page(world: World) -> None:
    with wire(world) as http:
        nobody, nina, carol = Pages(http), signed_in(http, "nina"), signed_in(http, "carol")
        for path in ("/ui/propose", f"{CREATE}?category=clip", CLIP, "/ui/propose/rebase?change=1"):
            assert nobody.get(path).headers["location"].startswith("/ui/sign-in")
            assert nina.get(path).status_code == 403
        rows = described(carol, "Other")
        for path in (
            CREATE,
            UPDATE,
            "/ui/propose/check",
            "/ui/propose/delete",
            "/ui/propose/rebase",
            "/ui/propose/import",
        ):
            assert nina.post(path, pressed(rows, "propose")).status_code == 403
            headers = {"cookie": carol.cookie, "origin": ORIGIN}
            for kind, body in (
                ("application/x-www-form-urlencoded", b"category=clip&once=aaaaaaaaaa&act=propose"),
                (
                    "multipart/form-data; boundary=x",
                    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
                ),
            ):
                http.client.cookies.clear()
                bare = http.ask("POST", path, None, {**headers, "content-type": kind}, content=body)
                takes_files = path in (CREATE, UPDATE, "/ui/propose/import")
                wanted = 403 if takes_files or "urlencoded" in kind else 422
                assert bare.status_code == wanted, (path, kind)
                foreign = {**headers, "content-type": kind, "origin": "https://elsewhere.example"}
                assert http.ask("POST", path, None, foreign, content=body).status_code == 403
    assert world.run("changes").ok().json["total"] == 2


@pytest.mark.long
def test_files_are_read_within_bounds_and_only_from_who_may_propose(world: World) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x", "origin": ORIGIN}
    with wire(world) as http:
        carol, nina = signed_in(http, "carol"), signed_in(http, "nina")

        def send(pages: Pages, path: str, body: bytes, **more: str) -> int:
            http.client.cookies.clear()
            return http.ask("POST", path, None, {**kind, "cookie": pages.cookie, **more}, content=body).status_code

        assert send(nina, UPDATE, b"no form at all") == 403
        assert send(carol, UPDATE, b"no form at all") in (400, 403)
        assert send(carol, UPDATE, b"", **{"content-length": "60000000"}) == 413
        assert send(carol, "/ui/propose/check", b"", **{"content-length": "2000000"}) == 413
        large = b"".join(
            (b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n', b"a" * 1_100_000, b"\r\n--x--\r\n")
        )
        assert send(carol, UPDATE, large) == 400
        many = b'--x\r\nContent-Disposition: form-data; name="k"\r\n\r\na\r\n' * 5_001 + b"--x--\r\n"
        assert send(carol, UPDATE, many) == 400
        assert not (http.world.store.local_dir / "cache" / "uploads").exists()


@pytest.mark.long
def test_a_read_only_service_and_one_of_the_older_format_have_no_such_form(world: World) -> None:
    for settings in ({"read_only": True}, {"queue": False}, {"canonical_format": "legacy"}):
        with wire(world, **settings) as http:
            assert signed_in(http, "carol").get(CLIP).status_code == 503


@pytest.mark.long
def test_a_record_of_a_category_of_ones_own_is_given_its_name_beside_what_its_schema_asks_for(world: World) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"id": {"oneOf": [{"type": "integer"}, {"type": "string"}]}, "metadata": {"type": "string"}},
        "required": ["id"],
    }
    world.add_category("own", schema)
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = form_in(carol.get(f"{CREATE}?category=own").text, CREATE)
        rows = with_values(rows, id="7", metadata="its own")
        assert "no name" in text_of(carol.post(CREATE, pressed(rows, "propose")).text)
        rows = [(name, "seven" if name == "name" else value) for name, value in rows]
        preview = carol.post(CREATE, pressed(rows, "preview"))
        done = carol.post(CREATE, pressed(form_in(preview.text, CREATE), "propose"))
        assert done.status_code == 303, text_of(done.text)
        change = shown(world, int(done.headers["location"].rpartition("/")[2]))
        assert (change["model_name"], change["payload"]) == ("seven", {"id": 7, "metadata": "its own"})


@pytest.mark.long
def test_switching_between_fields_and_json_keeps_everything_that_was_typed(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = described(carol, "Other")
        as_json = form_in(carol.post(UPDATE, pressed(rows, "json")).text, UPDATE)
        text = dict(as_json)["record"]
        assert json.loads(text)["description"] == "Other"
        assert "metadata" not in json.loads(text)
        assert form_in(carol.post(UPDATE, pressed(as_json, "fields")).text, UPDATE) == rows

        extra = text.replace('"Other"', '"Other", "unheard_of": {"a": [1, null]}')
        swapped = [(name, extra if name == "record" else value) for name, value in as_json]
        fields = form_in(carol.post(UPDATE, pressed(swapped, "fields")).text, UPDATE)
        assert ("k", "json /unheard_of") in fields

        broken = [(name, '{"name": ' if name == "record" else value) for name, value in as_json]
        refused = carol.post(UPDATE, pressed(broken, "fields"))
        assert dict(form_in(refused.text, UPDATE))["record"] == '{"name": '
        assert "This is no JSON" in text_of(refused.text)
        assert carol.post(UPDATE, pressed(broken, "propose")).status_code == 422


@pytest.mark.long
def test_the_script_is_told_the_faults_and_the_remarks_with_the_fields_that_they_are_about(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = described(carol, "Other")
        good = carol.post("/ui/propose/check", rows).json()
        assert (good["ok"], good["told"], good["changes"]) == (True, [], 1)
        bad = with_values(rows, **{"config/download/0/file_url": "", "size_on_disk_bytes": "big"})
        told = carol.post("/ui/propose/check", bad).json()["told"]
        assert [row["path"] for row in told] == ["/size_on_disk_bytes"]
        bad = with_values(rows, **{"config/download/0/file_url": ""})
        answer = carol.post("/ui/propose/check", bad).json()
        assert [row["path"] for row in answer["told"]] == ["/config/download/0/file_url"]
        assert answer["told"][0]["id"] in carol.get(CLIP).text
        odd = with_values(rows, **{"config/download/0/sha256sum": "nonsense"})
        answer = carol.post("/ui/propose/check", odd).json()
        assert answer["ok"]
        assert {row["path"] for row in answer["findings"]} == {"/config/download/0/sha256sum"}


@pytest.mark.long
def test_a_rule_that_can_be_waived_is_offered_with_its_reason_and_waived(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = form_in(carol.get(f"{CREATE}?category=clip").text, CREATE)
        rows = with_values(rows, name="https://models.example/x", description="By its address.")
        refused = carol.post(CREATE, pressed(rows, "propose"))
        assert refused.status_code == 422
        assert "If it is meant so" in refused.text
        rule = refused.text.partition('name="allow" value="')[2].partition('"')[0]
        done = carol.post(CREATE, pressed([*form_in(refused.text, CREATE), ("allow", rule)], "propose"))
        assert done.status_code == 303, text_of(done.text)
        assert world.events()[-1]["action"] == "enqueue"


@pytest.mark.long
def test_what_others_changed_meanwhile_is_merged_or_shown_in_three_columns_and_settled(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = described(carol, "Mine")
        number = world.update("clip", "ViT-L/14", {"/version": "9"})
        world.apply(world.approve(number))
        merged = carol.post(UPDATE, pressed(rows, "preview"))
        assert "1 field would change" in text_of(merged.text)

        number = world.update("clip", "ViT-L/14", {"/description": "Theirs"})
        world.apply(world.approve(number))
        for button in ("preview", "propose", "check"):
            met = carol.post(UPDATE, pressed(rows, button))
            assert met.status_code == 409
            assert "was changed meanwhile" in text_of(met.text)
        columns = form_in(met.text, UPDATE)
        assert "Theirs" in text_of(met.text)
        open_still = carol.post(UPDATE, pressed(columns, "settle"))
        assert open_still.status_code == 409
        for side, value, wanted in (("theirs", "", "Theirs"), ("mine", "", "Mine"), ("other", "Both", "Both")):
            chosen = [row for row in columns if row[0] != "value:/description"]
            chosen += [("side:/description", side), ("value:/description", value)]
            form = carol.post(UPDATE, pressed(chosen, "settle"))
            assert form.status_code == 200
            settled = form_in(form.text, UPDATE)
            assert ("f:/description", wanted) in settled
            assert ("f:/version", "9") in settled
        done = carol.post(UPDATE, pressed(settled, "propose"))
        assert done.status_code == 303
    assert shown(world, 5)["payload"]["description"] == "Both"


@pytest.mark.long
def test_pictures_are_sent_along_kept_until_they_are_proposed_and_refused_if_they_are_none(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = form_in(carol.get(CLIP).text, UPDATE)

        def send(rows: Rows, *files: bytes) -> Any:
            fields: list[tuple[str, Any]] = [(name, (None, value.encode())) for name, value in rows]
            fields += [("file", ("x.png", data, "image/png")) for data in files]
            fields.append(("csrf", (None, carol.csrf().encode())))
            http.client.cookies.clear()
            headers = {"origin": ORIGIN, "cookie": carol.cookie}
            return http.ask("POST", UPDATE, None, headers, files=fields)

        bad = send(pressed(rows, "upload"), b"<svg onload=alert(1)>")
        assert bad.status_code == 422
        one = send(pressed(rows, "upload"), picture("PNG"), picture("JPEG"), picture("PNG"))
        assert one.status_code == 200, text_of(one.text)
        rows = form_in(one.text, UPDATE)
        names = [value for name, value in rows if name.startswith("f:/pictures/") and name.endswith("/sha256")]
        assert len(names) == 2
        rows = with_values(rows, **{"pictures/0/prompt": MARKUP, "pictures/1/steps": "20"})
        rows = form_in(carol.post(UPDATE, pressed(rows, "up /pictures/1")).text, UPDATE)
        preview = carol.post(UPDATE, pressed(rows, "preview"))
        assert preview.status_code == 200, text_of(preview.text)
        assert MARKUP not in preview.text
        done = carol.post(UPDATE, pressed(form_in(preview.text, UPDATE), "propose"))
        assert done.status_code == 303, text_of(done.text)
        entries = shown(world, 3)["payload"][PICTURES]
        assert [entry["media_type"] for entry in entries] == ["image/jpeg", "image/png"]
        assert entries[1]["prompt"] == MARKUP
        world.apply(world.approve(3))
        page = carol.get(CLIP)
        assert f"/ui/pictures/{names[0]}/thumbnail" in page.text
        uploads = http.world.store.local_dir / "cache" / "uploads"
        assert not [path for path in uploads.rglob("*") if path.is_file()]


@pytest.mark.long
def test_markup_in_every_field_of_a_form_is_shown_as_text(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        for category in ("clip", "image_generation", "text_generation"):
            rows = form_in(carol.get(f"{CREATE}?category={category}").text, CREATE)
            kept = {"category", "once", "mode", "operation", "k"}
            rows = [(name, value if name in kept else MARKUP) for name, value in rows]
            for button in ("check", "json", "propose", "add /config/download"):
                page = carol.post(CREATE, pressed(rows, button))
                assert page.status_code in (200, 422)
                assert "<script>alert" not in page.text
        strange = carol.get("/ui/propose/update", params={"category": MARKUP, "name": MARKUP})
        assert strange.status_code == 404
        assert "<script>alert" not in strange.text


@pytest.mark.long
def test_a_form_that_was_tampered_with_is_refused_and_nothing_else_is_read_by_its_base(world: World) -> None:
    number = world.create("clip", "hidden", clip("hidden"))
    commit = world.git("rev-parse", f"refs/modelref/proposals/{number}", check=False).strip()
    queue = world.git("rev-parse", "queue").strip()
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = described(carol, "Other")
        for base in ("main", "-x", "../x", "0" * 40, queue, commit or queue):
            changed = [(name, base if name == "base" else value) for name, value in rows]
            answer = carol.post(UPDATE, pressed(changed, "propose"))
            assert answer.status_code in (404, 422), base
        for change in (("once", "x"), ("category", ""), ("k", "text /a/b/c"), ("category", "nothing")):
            changed = [(name, change[1] if name == change[0] else value) for name, value in rows]
            assert carol.post(UPDATE, pressed(changed, "check")).status_code in (200, 404, 422)
        assert carol.post(UPDATE, pressed(rows, "drop /no/7")).status_code == 422
    assert world.run("changes").ok().json["total"] == 3


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")
