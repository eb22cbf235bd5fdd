"""Who can do what over HTTP: each line of ``docs/security.md`` is tried, and none that it does not have."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from httpx import Response

from modelref_git.operations.keys import create_key, regenerate_key, revoke_key
from modelref_git.operations.members import add_member, change_roles, remove_member
from modelref_git.operations.notes import note_add
from modelref_git.server.catalogue import stable_id
from tests.support import pictures
from tests.support.calls import CHECKOUT
from tests.support.http import Q1, Q2, V1, V2, Wire, wire
from tests.support.http_states import LIVE, States, every_state
from tests.support.world import ARTHUR, CAROL, World, clip

PAGE = CHECKOUT / "docs" / "security.md"
HEADS = ("who", "tries to", "may", "answer")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page's tables."""

    who: str
    tries_to: str
    may: bool
    answer: int


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. Unless it says so, it comes with the key of its table."""

    method: str
    path: str
    more: dict[str, Any] = field(default_factory=dict)
    who: str | None = ""


@dataclass(slots=True)
class Scene:
    """The service that everything is tried on."""

    http: Wire
    states: States
    keys: dict[str, str]
    _made: int = 0

    @property
    def world(self) -> World:
        return self.states.world

    def name(self) -> str:
        """A name that no record has."""
        self._made += 1
        return f"made {self._made}"

    def change(self, *, of: str = CAROL, approved: bool = False) -> int:
        """A new open change, which perhaps waits in the open batch."""
        name = self.name()
        number = self.world.create("clip", name, clip(name), actor=of)
        if approved:
            self.world.approve(number)
        return number

    def note(self, of: str, text: str, *, team: bool = False) -> int:
        """A new note on the record that is live."""
        return int(note_add(self.world.context(of), "clip", LIVE, text, team=team)["id"])

    def image(self) -> dict[str, Any]:
        """A picture that was sent, and waits."""
        form = {"files": {"file": ("a.png", pictures.picture("PNG"))}}
        found: dict[str, Any] = self.http.ask("POST", IMAGES, "carol", **form).json()
        return found


Check: TypeAlias = Callable[[Scene], Generator[list[Ask], list[Response], None]]
"""Prepares what it needs, gives the requests, and may look at the answers and at what is there then."""

CHECKS: dict[tuple[str, str], Check] = {}

ANONYMOUS = "An anonymous caller"
STRANGER = "Somebody with a good key who is no member"
REQUESTOR = "A requestor"
APPROVER = "An approver"
OLD = "Whoever stole an old key"
KEYS = {ANONYMOUS: None, STRANGER: "nina", REQUESTOR: "carol", APPROVER: "arthur"}


def line(who: str, tries_to: str) -> Callable[[Check], Check]:
    """Have a check be that of one line."""

    def add(check: Check) -> Check:
        assert (who, tries_to) not in CHECKS
        CHECKS[who, tries_to] = check
        return check

    return add


def get(*paths: str, who: str | None = "", **more: Any) -> list[Ask]:
    return [Ask("GET", path, more, who) for path in paths]


def post(path: str, body: Any = None, who: str | None = "", **more: Any) -> Ask:
    return Ask("POST", path, {**more, **({} if body is None else {"json": body})}, who)


def proposals(scene: Scene, who: str | None = "") -> list[Ask]:
    """Every way to ask for a change of a record."""
    update = {**clip(LIVE), "description": f"Changed by {scene.name()}."}
    return [
        post(f"{V2}/clip", clip(scene.name()), who),
        post(f"{V2}/clip/add", clip(scene.name()), who),
        Ask("PUT", f"{V2}/clip/model/{LIVE}", {"json": update}, who),
        Ask("DELETE", f"{V2}/clip/model/{LIVE}", {}, who),
    ]


SECRET = "not for everybody"


def note_path(end: str = "") -> str:
    return f"{V2}/clip/notes{end}?name={LIVE}"


def changing(number: int, who: str | None = "") -> list[Ask]:
    """Both ways to change a note."""
    path = note_path(f"/{number}")
    return [Ask("PUT", path, {"json": {"text": "changed"}}, who), Ask("DELETE", path, {}, who)]


def notes(scene: Scene) -> list[Ask]:
    """Every way to come upon notes."""
    number = scene.note(CAROL, SECRET)
    return [
        *get(note_path(), note_path("/history")),
        post(note_path(), {"text": "x"}),
        *changing(number),
        Ask("PATCH", f"/models/{stable_id('clip', LIVE)}", {"json": {"notes": "x"}}),
    ]


def reviews(scene: Scene, who: str | None = "") -> list[Ask]:
    """Every way to decide about a change, which those could who may."""
    waits, approved = scene.change(), scene.change(approved=True)
    batch = scene.world.run("show", str(approved)).ok().json["batch_id"]
    return [
        post(f"{Q2}/batches", {"batch_title": "June", "approved_ids": [waits]}, who),
        post(f"{Q1}/batches", {"batch_title": "June", "rejected_ids": [waits], "reject_reason": "no"}, who),
        post(f"{Q2}/changes/{approved}/apply", {}, who),
        post(f"{Q2}/apply", {"change_ids": [approved]}, who),
        post(f"{Q1}/apply_batch/{batch}", None, who),
        post(f"{Q2}/purge", {"purge_all": True}, who),
    ]


def holds(scene: Scene, who: str | None = "") -> list[Ask]:
    """What else only approvers may do."""
    held = scene.states.changes["held"]
    return [
        post(f"{Q2}/changes/{scene.change()}/hold", {"reason": "wait"}, who),
        post(f"{Q2}/changes/{held}/unhold", None, who),
    ]


def revert(scene: Scene) -> Ask:
    """The opposite of what was applied, as proposals."""
    return post(f"{Q2}/batches/{scene.states.applied_batch}/revert")


def queue_reads(scene: Scene) -> list[str]:
    """Every way to look at what is not live."""
    number = scene.states.changes["pending"]
    batch = scene.states.applied_batch
    audit = ("/current", "/batches", f"/batches/{batch}", f"/batches/{batch}/net_changes")
    return [
        *(f"{prefix}/changes{path}" for prefix in (Q2, Q1) for path in ("", f"/{number}", f"/{number}/diff")),
        f"{Q2}/diffs?change_ids={number}",
        *(f"{prefix}/audit{path}" for prefix in (Q2, Q1) for path in audit),
        f"{Q2}/changes/{number}/status",
        f"{Q2}/conflicts",
        f"{V2}/clip/pending",
    ]


IMAGES = f"/models/{stable_id('clip', LIVE)}/images"


def sent(data: bytes, who: str | None = "", path: str = IMAGES, name: str = "a.png", **fields: str) -> Ask:
    """A picture, as a form brings it."""
    return Ask("POST", path, {"files": {"file": (name, data, "image/png")}, "data": fields}, who)


def image_writes(scene: Scene) -> list[Ask]:
    """Every way to ask for a change of a record's pictures."""
    number = scene.image()["id"]
    return [
        sent(pictures.picture("GIF")),
        sent(pictures.picture("GIF"), path=f"/v1{IMAGES}"),
        Ask("PATCH", f"{IMAGES}/{number}", {"json": {"prompt": "another"}}),
        Ask("DELETE", f"{IMAGES}/{number}"),
    ]


def image_reads(scene: Scene) -> list[Ask]:
    """Every way to look at them, proposed or live."""
    image = scene.image()
    of = f"?changeId={image['changeId']}"
    one = f"{IMAGES}/{image['id']}"
    return get(IMAGES, f"{IMAGES}{of}", f"{one}/file{of}", f"{one}/thumbnail{of}", f"/v1{one}/file{of}")


POLICY = [
    post(f"{V2}/policy/add", {"name": "modelref.toml"}),
    Ask("PUT", f"{V2}/policy/model/modelref.toml", {"json": {"name": "modelref.toml"}}),
    Ask("DELETE", f"{V2}/policy/model/modelref.toml"),
]

# --- without a key ----------------------------------------------------------------------------------------------------


@line(ANONYMOUS, "read what is live: categories, records, searches, metadata, the older API")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get(
        f"{V2}/model_categories",
        f"{V2}/clip",
        f"{V2}/clip/model/{LIVE}",
        f"{V2}/clip/search?name_contains=vit",
        f"{V2}/search?limit=5",
        f"{V2}/metadata/clip",
        f"{V1}/clip",
    )


@line(ANONYMOUS, "read what was live before, with `?at=`")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get(f"{V2}/clip?at=main~1", f"{V2}/clip/search?at=main~1")


@line(ANONYMOUS, "follow what was applied: the feed, a difference of two states, a record's history and blame")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    answers = yield get(
        f"{V2}/feed",
        f"{V2}/diff?from=main~1",
        f"{V2}/clip/history?name={LIVE}",
        f"{V2}/clip/blame?name={LIVE}",
    )
    for answer in answers:
        assert "pending-model" not in answer.text, "what is proposed is not shown"


@line(ANONYMOUS, "see that the service is there, how it is set up, and what it counts")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get("/", "/heartbeat", "/replicate_mode", "/openapi.json", "/docs", "/metrics")


@line(ANONYMOUS, "read a proposal, a batch or the queue log as a revision, with `?at=`")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    refs = (f"proposals/{scene.states.changes['pending']}", f"batches/{scene.states.open_batch}", "queue")
    yield get(*(f"{V2}/clip?at={ref}" for ref in refs))


@line(ANONYMOUS, "read the queue, a change, a difference, the audit, the proposed records")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get(*queue_reads(scene), f"{Q2}/my_changes", f"{V2}/me/roles")


@line(ANONYMOUS, "list models with their details, or fetch their files")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    number = stable_id("clip", LIVE)
    yield get("/v1/models", f"/v1/models/{number}", f"/v1/models/{number}/download")


@line(ANONYMOUS, "read notes, their history, or write any")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    answers = yield notes(scene)
    assert not any(SECRET in answer.text for answer in answers)


@line(ANONYMOUS, "propose, change or delete a record")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield proposals(scene)


@line(ANONYMOUS, "look at pictures, send one, change what is said of one, or remove one")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [*image_reads(scene), *image_writes(scene)]


@line(ANONYMOUS, "approve, reject, apply or purge")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield reviews(scene)


@line(ANONYMOUS, "withdraw, rebase, hold or revert")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    number = scene.change()
    yield [
        post(f"{Q2}/changes/{number}/withdraw"),
        post(f"{Q2}/changes/{number}/rebase", {}),
        *holds(scene),
        revert(scene),
    ]


@line(ANONYMOUS, "give a key anywhere but in `apikey` or `Authorization: Bearer`")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    record = clip(scene.name())
    yield [
        post(f"{V2}/clip?apikey=carol", record),
        post(f"{V2}/clip?api_key=carol&key=carol", {**record, "apikey": "carol"}),
        post(f"{V2}/clip", record, headers={"cookie": "apikey=carol"}),
        post(f"{V2}/clip", record, headers={"authorization": "Basic Y2Fyb2w6Y2Fyb2w="}),
        post(f"{V2}/clip", record, headers={"x-api-key": "carol", "x-apikey": "carol"}),
        post(f"{V2}/clip", record, headers={"x-forwarded-user": "carol", "remote-user": "2"}),
    ]


@line(ANONYMOUS, "give two keys at once")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    record = json.dumps(clip(scene.name())).encode()
    kind = ("content-type", "application/json")
    for first, second in (("carol", "nobody"), ("nobody", "carol"), ("carol", "carol")):
        headers = [("apikey", first), ("apikey", second), kind]
        answer = scene.http.run(scene.http.client.request("POST", f"{V2}/clip", headers=headers, content=record))
        assert answer.status_code == 401, (first, second)
    yield []


@line(ANONYMOUS, "send a body of more than 1 MiB")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    large = {"content": b'"' + b"x" * (1 << 20) + b'"', "headers": {"content-type": "application/json"}}
    yield [Ask("POST", f"{V2}/clip", large), Ask("POST", f"{Q2}/batches", large), Ask("POST", "/nowhere", large)]


# --- with a good key, but no member -----------------------------------------------------------------------------------


@line(STRANGER, "read the queue, a change, a difference, the audit, the proposed records")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get(*queue_reads(scene), f"{V2}/me/roles")


@line(STRANGER, "list models with their details")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield get("/v1/models", f"/v1/models/{stable_id('clip', LIVE)}")


@line(STRANGER, "propose, change or delete a record, or list changes of their own")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [*proposals(scene), *get(f"{Q2}/my_changes")]


@line(STRANGER, "look at pictures, proposed or live")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield image_reads(scene)


@line(STRANGER, "send a picture, change what is said of one, or remove one")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    # No picture of this model is live: whoever may not write is not even told so.
    yield image_writes(scene)


@line(STRANGER, "approve, reject, apply or purge")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield reviews(scene)


@line(STRANGER, "withdraw, hold or revert")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [post(f"{Q2}/changes/{scene.change()}/withdraw"), *holds(scene), revert(scene)]


@line(STRANGER, "read notes, their history, or write any")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield notes(scene)
    model = scene.http.get(f"/v1/models/{stable_id('clip', LIVE)}", "nina")
    assert model.json()["notes"] is None


# --- a requestor ------------------------------------------------------------------------------------------------------


@line(REQUESTOR, "propose, change or delete a record")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    before = scene.world.git("rev-parse", "main")
    yield proposals(scene)
    assert scene.world.git("rev-parse", "main") == before, "a proposal is not live"


@line(REQUESTOR, "propose in the name of somebody else")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    stamps = {"metadata": {"created_by": ARTHUR, "updated_by": ARTHUR}}
    claims = {"requested_by": "3", "requested_username": ARTHUR, "status": "approved"}
    answers = yield [post(f"{V2}/clip", {**clip(scene.name()), **stamps, **claims}, headers={"x-actor": "3"})]
    for answer in answers:
        change = answer.json()
        assert (change["requested_by"], change["requested_username"], change["status"]) == ("2", CAROL, "pending")
        assert change["payload"]["metadata"]["created_by"] == CAROL


@line(REQUESTOR, "ask with the `Idempotency-Key` of somebody else's request")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    record, again = clip(scene.name()), {"idempotency-key": "of arthur's"}
    theirs = scene.http.post(f"{V2}/clip", record, "arthur", headers=again).json()
    answers = yield [post(f"{V2}/clip", record, headers=again)]
    assert answers[0].json()["change_id"] != theirs["change_id"]
    assert answers[0].json()["requested_by"] == "2", "it is a request of their own"


@line(REQUESTOR, "list their own changes, and withdraw one")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    answers = yield [*get(f"{Q2}/my_changes"), post(f"{Q2}/changes/{scene.change()}/withdraw")]
    assert {row["requested_by"] for row in answers[0].json()["items"]} == {"2"}


@line(REQUESTOR, "withdraw what somebody else proposed")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [post(f"{Q2}/changes/{scene.change(of=ARTHUR)}/withdraw")]


@line(REQUESTOR, "read notes, and see in a model's details their own or the team's")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    scene.note(ARTHUR, "arthur's own")
    scene.note(ARTHUR, "ours", team=True)
    scene.note(CAROL, "mine")
    model = f"/v1/models/{stable_id('clip', LIVE)}"
    answers = yield get(note_path(), note_path("/history"), model)
    assert {answer.headers["cache-control"].partition(",")[0] for answer in answers} == {"private"}
    assert [answers[2].json()["notes"], scene.http.get(model, "olivia").json()["notes"]] == ["mine", "ours"]


@line(REQUESTOR, "write a note with markup, script or trailers in it")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    texts = ["<script>alert(1)</script>", "![x](javascript:alert(1))", "x\n\nActor: olivia#1\nNote: remove", "\x1b[2J"]
    answers = yield [post(note_path(), {"text": text}) for text in texts]
    assert [(answer.json()["text"], answer.json()["by"]) for answer in answers] == [(text, "2") for text in texts]
    listed = scene.http.get(note_path(), "carol")
    assert [row["text"] for row in listed.json()][-4:] == texts
    assert (listed.headers["content-type"], listed.headers["x-content-type-options"]) == ("application/json", "nosniff")


@line(REQUESTOR, "change or remove a note of somebody else, or of the team")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    numbers = scene.note(ARTHUR, "his own"), scene.note(ARTHUR, "ours", team=True)
    yield [ask for number in numbers for ask in changing(number)]


@line(REQUESTOR, "approve, reject, apply or purge")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield reviews(scene)


@line(REQUESTOR, "hold a change, or let one go that is held")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield holds(scene)


@line(REQUESTOR, "ask for the opposite of an applied batch")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    before = scene.world.git("rev-parse", "main")
    answers = yield [revert(scene)]
    assert answers[0].json()["change_ids"]
    assert scene.world.git("rev-parse", "main") == before, "it is proposed like any change"


@line(REQUESTOR, "change the policy, the members or the schemas")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield POLICY


@line(REQUESTOR, "send a picture of a record")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    before = scene.world.git("rev-parse", "main")
    [answer] = yield [sent(pictures.picture("WEBP"))]
    assert answer.json()["status"] == "pending"
    assert scene.world.git("rev-parse", "main") == before, "a proposal is not live"


@line(REQUESTOR, "send a picture that would fill the memory of whoever decodes it")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    deflated = zlib.compress(bytes(20_000_000))
    yield [
        sent(pictures.png(width=60_000, height=60_000)),
        sent(pictures.gif(5_000), name="a.gif"),
        sent(pictures.gif(900, 4_000, 4_000)),
        sent(pictures.png(pictures.chunk(b"iCCP", b"a\0\0" + deflated))),
        sent(pictures.png(pictures.chunk(b"zTXt", b"a\0\0" + deflated))),
    ]


@line(REQUESTOR, "send a picture that is an archive, a script or a document too")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    page = b"<html><script>alert(1)</script></html>"
    yield [
        sent(pictures.picture("PNG") + pictures.zipped()),
        sent(pictures.picture("GIF") + b"/*=1;alert(1)//*/", name="a.js"),
        sent(pictures.picture("JPEG") + page, name="a.html"),
        sent(pictures.picture("WEBP") + b"%PDF-1.7"),
        sent(b"%PDF-1.7\n" + pictures.picture("JPEG")),
        sent(pictures.png(pictures.chunk(b"tEXt", b"a\0%PDF-1.7"))),
    ]


@line(REQUESTOR, "send a file of another kind, or half a picture, as a picture")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    others = [svg, pictures.zipped(), b"%PDF-1.7", b"GIF89a", b"", pictures.picture("JPEG")[:-9]]
    others.append(pictures.saved(pictures.painted(), "BMP"))
    yield [sent(data) for data in others]


@line(REQUESTOR, "send a picture of more than 50 MB, told or untold")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    kind = {"content-type": "multipart/form-data; boundary=a"}

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range(60):
            yield bytes(1_000_000)

    yield [
        sent(bytes(50_000_001)),
        Ask("POST", IMAGES, {"content": pieces(), "headers": kind}),
        Ask("POST", IMAGES, {"content": b"", "headers": {**kind, "content-length": "70000000"}}),
    ]


@line(REQUESTOR, "send a picture under a name that leads somewhere else")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    names = ["../../../etc/passwd", "/etc/passwd", "..\\..\\a.exe", "a.html", 'a"; filename="b', "\u202egnp.a", "CON"]
    answers = yield [sent(pictures.moving("GIF"), name=name) for name in names]
    for answer in answers:
        assert not any(word in answer.text for word in ("passwd", ".exe", ".html", "202e"))
        shown = scene.http.get(answer.json()["localPath"])
        assert shown.headers["content-disposition"] == f'inline; filename="{answer.json()["sha256"]}.gif"'
        assert shown.headers["content-type"] == "image/gif"
    added = {path for path in scene.world.files(f"proposals/{answers[-1].json()['changeId']}") if "passwd" in path}
    assert added == set()


@line(REQUESTOR, "say markup of a picture, or hide it in its file")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    markup = "<script>alert(1)</script>"
    data = pictures.png(pictures.chunk(b"tEXt", b"Comment\0" + markup.encode()))
    [answer] = yield [sent(data, prompt=markup, sampler='"onload=alert(1)', loras='[{"name": "<b>", "strength": 1}]')]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["prompt"] == markup, "it is text, and stays as it was written"
    shown = scene.http.get(answer.json()["localPath"])
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert b"script" not in scene.http.get(answer.json()["thumbPath"]).content


# --- an approver ------------------------------------------------------------------------------------------------------


@line(APPROVER, "approve, reject and apply what others proposed")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    one, other = scene.change(), scene.change()
    approved = {"batch_title": "June", "approved_ids": [one], "rejected_ids": [other], "reject_reason": "a copy"}
    yield [post(f"{Q2}/batches", approved), post(f"{Q2}/changes/{one}/apply", {})]


@line(APPROVER, "hold a change, let it go, and purge it")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    number, name = scene.change(), f"made {scene._made}"
    answers = yield [
        post(f"{Q2}/changes/{number}/hold", {"reason": "wait"}),
        post(f"{Q2}/changes/{number}/unhold"),
        post(f"{Q2}/purge", {"model_name": name}),
    ]
    assert answers[2].json()["removed_change_ids"] == [number]


@line(APPROVER, "approve what they proposed themselves, under two-person review")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [post(f"{Q2}/batches", {"batch_title": "mine", "approved_ids": [scene.change(of=ARTHUR)]})]


@line(APPROVER, "change a note of the team")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield changing(scene.note(CAROL, "ours", team=True))


@line(APPROVER, "change or remove a note that somebody else wrote for themselves")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield changing(scene.note(CAROL, "hers"))


@line(APPROVER, "apply what nobody approved")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    number = scene.change()
    yield [post(f"{Q2}/changes/{number}/apply", {}), post(f"{Q2}/apply", {"change_ids": [number]})]


@line(APPROVER, "decide again about what was applied or rejected")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    closed = [scene.states.changes[state] for state in ("applied", "rejected")]
    yield [
        *(post(f"{Q2}/batches", {"batch_title": "again", "approved_ids": [number]}) for number in closed),
        *(
            post(f"{Q2}/batches", {"batch_title": "again", "rejected_ids": [number], "reject_reason": "no"})
            for number in closed
        ),
    ]


@line(APPROVER, "change the policy, the members or the schemas")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield POLICY


# --- an old key -------------------------------------------------------------------------------------------------------


def everything(scene: Scene, key: str) -> list[Ask]:
    """All that there is to try with a key."""
    number = scene.states.changes["pending"]
    return [
        *get(*queue_reads(scene)[:3], f"{V2}/me/roles", f"{Q2}/my_changes", who=key),
        *get(f"{Q2}/changes", who=None, headers={"authorization": f"Bearer {key}"}),
        *proposals(scene, key),
        *reviews(scene, key),
        post(f"{Q2}/changes/{number}/withdraw", None, key),
    ]


@line(OLD, "use a key that was revoked")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield everything(scene, scene.keys["revoked"])


@line(OLD, "use a key that has expired")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield everything(scene, scene.keys["expired"])


@line(OLD, "use the secret that a key had before it was regenerated")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield everything(scene, scene.keys["regenerated"])


@line(OLD, "use what stands of a key in the server's file")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    ring = json.loads((scene.world.store.local_dir / "keys.json").read_text())
    texts = {text for row in ring["keys"].values() for text in row.values() if isinstance(text, str) and text}
    assert len(texts) > 5
    yield [ask for text in sorted(texts) if text.isascii() for ask in get(f"{Q2}/changes", who=text)]


@line(OLD, "use a key with one letter changed")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    good = scene.keys["good"]
    assert scene.http.get(f"{Q2}/changes", good).status_code == 200
    swapped = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in (0, 5, 20, len(good) - 2)]
    yield [ask for key in (*swapped, good[:-1], good.upper()) for ask in get(f"{Q2}/changes", who=key)]


@line(OLD, "propose or decide with the key of a member who was removed")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield [*proposals(scene, scene.keys["removed"]), *reviews(scene, scene.keys["removed"])]


@line(OLD, "decide with the key of an approver who is one no more")
def _(scene: Scene) -> Generator[list[Ask], list[Response], None]:
    yield reviews(scene, scene.keys["demoted"])


# --- the page and its lines -------------------------------------------------------------------------------------------


def _lines() -> list[Line]:
    """The lines of every table of the page that has these heads; whose they are, the heading above says."""
    found, who, inside = [], "", False
    for text in PAGE.read_text(encoding="utf-8").splitlines():
        if text.startswith("## "):
            who, inside = text.removeprefix("## "), False
        cells = tuple(cell.strip() for cell in text.strip("|").split("|")) if text.startswith("|") else ()
        if cells == HEADS[1:]:
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells[0]) != {"-"}:
            found.append(Line(who, cells[0], cells[1] == "yes", int(cells[2])))
    return found


def _make_keys(world: World) -> dict[str, str]:
    """Keys that were good once, and one that is."""
    for name, role in (("dora#4", "approver"), ("emil#5", "approver")):
        email = f"{name.partition('#')[0]}@people.example"
        world.pass_policy(add_member(world.context(), name, emails=(email,), roles=(role,)))
    keys = {
        name: create_key(world.context(), ident, days=days)["key"]
        for name, ident, days in (
            ("good", "3", None),
            ("revoked", "3", None),
            ("expired", "3", 1),
            ("regenerated", "3", None),
            ("removed", "4", None),
            ("demoted", "5", None),
        )
    }
    revoke_key(world.context(), keys["revoked"])
    regenerate_key(world.context(), keys["regenerated"])
    world.pass_policy(remove_member(world.context(), "4"))
    world.pass_policy(change_roles(world.context(), "5", ["-approver", "+requestor"]))
    return keys


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    states = every_state(tmp_path_factory.mktemp("security") / "states.git")
    keys = _make_keys(states.world)
    with wire(states.world, auth=("keys", "file")) as http:
        yield Scene(http, states, keys)


def test_every_line_is_tried_and_no_other() -> None:
    told = [(row.who, row.tries_to) for row in _lines()]
    assert sorted(told) == sorted(CHECKS)


@pytest.mark.parametrize("told", _lines(), ids=lambda row: f"{row.who}: {row.tries_to}")
def test_the_answer_is_the_one_that_the_page_tells(scene: Scene, told: Line) -> None:
    assert told.may == (told.answer < 400)
    check = CHECKS[told.who, told.tries_to](scene)
    asks = next(check)
    before = scene.world.refs()
    answers = [
        scene.http.ask(ask.method, ask.path, KEYS.get(told.who) if ask.who == "" else ask.who, **ask.more)
        for ask in asks
    ]
    for ask, answer in zip(asks, answers, strict=True):
        assert answer.status_code == told.answer, (ask, answer.text)
    if not told.may:
        assert scene.world.refs() == before, "what is refused changes nothing"
    with pytest.raises(StopIteration):
        check.send(answers)


def test_after_all_of_it_the_repository_is_sound(scene: Scene) -> None:
    assert scene.world.run("verify").ok().json["ok"] is True
