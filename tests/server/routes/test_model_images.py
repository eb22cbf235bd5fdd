from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response
from PIL import Image

from modelref_git.server.catalogue import stable_id
from modelref_git.server.picture_views import number_of
from modelref_git.server.wire.model_images import ModelImage
from modelref_git.server.wire.models import ModelDetails, ModelPage
from tests.support.http import Q2, Wire, wire
from tests.support.pictures import moving, painted, picture, saved
from tests.support.world import World, clip

MODEL = stable_id("clip", "Eye")
IMAGES = f"/models/{MODEL}/images"
LORAS = [{"name": "a_lora", "strength": 0.8}]
FIELDS = {
    "prompt": "a red bar on <b>blue</b>",
    "negativePrompt": "green",
    "seed": "12345",
    "steps": "20",
    "cfgScale": "7.5",
    "sampler": "Euler a",
    "scheduler": "Karras",
    "nsfwLevel": "1",
    "loras": json.dumps(LORAS),
    "comfyWorkflow": '{"nodes": []}',
}
WIDE = picture("PNG", 90, 60)


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sent(
    http: Wire, data: bytes, fields: dict[str, str] | None = None, who: str | None = "carol", **more: Any
) -> Response:
    path = more.pop("path", IMAGES)
    name = more.pop("name", "a.png")
    return http.ask("POST", path, who, files={"file": (name, data)}, data=fields or {}, **more)


def applied(http: Wire, answer: Response) -> int:
    """Have the picture that was proposed go live; its number."""
    assert answer.status_code in (200, 201), answer.text
    http.world.apply(http.world.approve(answer.json()["changeId"]))
    return int(answer.json().get("id", 0))


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service over a dataset with one model that has a picture, and one that has none."""
    world = World.make(tmp_path_factory.mktemp("images") / "w", empty=True)
    for name in ("Eye", "Blind"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
    with wire(world) as served:
        applied(served, sent(served, WIDE, FIELDS))
        yield served


@pytest.mark.parametrize("root", ["", "/api", "/v1", "/api/v1"])
def test_the_pictures_of_a_model_are_listed_as_clients_know_them(http: Wire, root: str) -> None:
    answer = http.get(f"{root}{IMAGES}", "nina")
    assert answer.status_code == 200
    [image] = [one for one in answer.json() if one["sha256"] == sum_of(WIDE)]
    ModelImage.model_validate(image)
    base = f"{root.removesuffix('/v1')}/v1{IMAGES}/{image['id']}"
    assert image == {
        "id": number_of(sum_of(WIDE)),
        "modelId": MODEL,
        "localPath": f"{base}/file",
        "thumbPath": f"{base}/thumbnail?side=512",
        "width": 90,
        "height": 60,
        "nsfwLevel": 1,
        "blurhash": image["blurhash"],
        "sha256": sum_of(WIDE),
        "mediaType": "image/png",
        "sizeBytes": len(WIDE),
        "prompt": FIELDS["prompt"],
        "generationParams": {
            "negativePrompt": "green",
            "seed": 12345,
            "steps": 20,
            "sampler": "Euler a",
            "cfgScale": 7.5,
            "scheduler": "Karras",
            "loras": LORAS,
            "comfyWorkflow": {"nodes": []},
        },
        "sortOrder": 0,
        "isUserUpload": True,
        "createdAt": None,
        "changeId": None,
        "status": None,
    }
    assert len(image["blurhash"]) == 36
    assert 0 < image["id"] < 2**53
    for path in (image["localPath"], image["thumbPath"]):
        assert http.get(path).status_code == 200


def test_the_picture_itself_is_sent_as_what_it_is_and_nothing_in_it_can_run(http: Wire) -> None:
    path = f"{IMAGES}/{number_of(sum_of(WIDE))}/file"
    answer = http.get(path, "nina")
    assert answer.content == WIDE
    told = answer.headers
    assert told["content-type"] == "image/png"
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"] == "sandbox; default-src 'none'"
    assert told["content-disposition"] == f'inline; filename="{sum_of(WIDE)}.png"'
    assert told["cross-origin-resource-policy"] == "same-origin"
    assert told["etag"] == f'"{sum_of(WIDE)}"'
    assert told["cache-control"] == "private, max-age=31536000, immutable"
    again = http.get(path, headers={"if-none-match": told["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_thumbnail_is_a_webp_of_the_size_that_was_asked_for(http: Wire) -> None:
    path = f"{IMAGES}/{number_of(sum_of(WIDE))}/thumbnail"
    for side, width in ((64, 64), (50, 64), (1, 64), (128, 90), (1024, 90)):
        answer = http.get(f"{path}?side={side}")
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.width == width
        assert http.get(f"{path}?side={side}", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    for side in ("0", "1025", "-1", "x", ""):
        assert http.get(f"{path}?side={side}").status_code == 400


def test_lists_and_details_of_models_show_the_picture(http: Wire) -> None:
    page = http.get("/api/v1/models", params={"search": "e"}).json()
    ModelPage.model_validate(page)
    heroes = {item["name"]: item["heroImage"] for item in page["items"]}
    [image] = http.get(f"/api{IMAGES}").json()[:1]
    assert heroes["Eye"] == {key: image[key] for key in ("id", "thumbPath", "width", "height", "nsfwLevel", "blurhash")}
    assert http.get(heroes["Eye"]["thumbPath"]).status_code == 200
    found = http.get(f"/api/v1/models/{MODEL}").json()
    ModelDetails.model_validate(found)
    assert found["heroImage"] == heroes["Eye"]
    assert found["versions"][0]["images"] == http.get(f"/api{IMAGES}").json()
    blind = http.get(f"/v1/models/{stable_id('clip', 'Blind')}").json()
    assert (blind["heroImage"], blind["versions"][0]["images"]) == (None, [])
    assert http.get(f"/models/{stable_id('clip', 'Blind')}/images").json() == []


def test_a_picture_that_is_sent_waits_for_an_approver(http: Wire) -> None:
    data = moving("WEBP")
    answer = sent(http, data, {"prompt": "it moves", "note": "a first try"}, name="../../etc/passwd.png")
    assert answer.status_code == 201
    image = answer.json()
    ModelImage.model_validate(image)
    assert (image["status"], image["mediaType"], image["width"], image["prompt"]) == (
        "pending",
        "image/webp",
        24,
        "it moves",
    )
    assert len(image["blurhash"]) == 36
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", image["createdAt"])
    change = http.get(f"{Q2}/changes/{image['changeId']}").json()
    assert (change["requested_username"], change["notes"]) == ("carol#2", "a first try")
    assert change["payload"]["pictures"][-1]["sha256"] == sum_of(data)
    assert "passwd" not in json.dumps(change)

    # To whoever asks for the proposal it is there, and to nobody else.
    assert image["id"] not in [one["id"] for one in http.get(IMAGES).json()]
    file = f"{IMAGES}/{image['id']}/file"
    assert http.get(file).status_code == 404
    for path in (image["localPath"], image["thumbPath"]):
        assert f"changeId={image['changeId']}" in path
        assert http.get(path).status_code == 200
    shown = http.get(f"{IMAGES}?changeId={image['changeId']}").json()
    assert [one["status"] for one in shown] == ["pending"] * len(shown)
    assert http.get(f"/models/{stable_id('clip', 'Blind')}/images?changeId={image['changeId']}").status_code == 404
    assert http.get(f"{IMAGES}?changeId=999").status_code == 404

    applied(http, answer)
    assert http.get(file).content == data
    assert http.get(f"{file}?at=main~1").status_code == 404


def test_what_is_said_of_a_picture_is_changed_and_taken_away(http: Wire) -> None:
    number = applied(http, sent(http, picture("GIF"), {"prompt": "old", "sampler": "Euler", "seed": "-5"}))
    body = {"prompt": "new", "nsfwLevel": 3, "sortOrder": -1, "generationParams": {"sampler": None, "steps": 4}}
    answer = http.ask("PATCH", f"/api{IMAGES}/{number}", "carol", json=body)
    assert answer.status_code == 200
    image = answer.json()
    assert (image["prompt"], image["nsfwLevel"], image["sortOrder"], image["status"]) == ("new", 3, -1, "pending")
    assert image["generationParams"] == {"seed": -5, "steps": 4}
    applied(http, answer)
    first = http.get(IMAGES).json()[0]
    assert (first["id"], first["prompt"], first["status"]) == (number, "new", None)

    gone = http.delete(f"{IMAGES}/{number}", "carol")
    assert gone.status_code == 200
    assert gone.json() == {"success": True, "changeId": gone.json()["changeId"], "status": "pending"}
    assert http.get(IMAGES).json()[0]["id"] == number
    applied(http, gone)
    assert number not in [one["id"] for one in http.get(IMAGES).json()]
    assert http.get(f"{IMAGES}/{number}/file").status_code == 404
    before = http.get(f"{IMAGES}?at=main~1").json()[0]
    assert before["id"] == number
    assert http.get(before["localPath"]).content == picture("GIF")


def test_a_request_that_is_sent_twice_is_done_once(http: Wire) -> None:
    data = saved(painted(33, 21), "JPEG")
    named = {"headers": {"idempotency-key": "one"}}
    first, second = (sent(http, data, {"prompt": "x"}, **named) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = sent(http, data, {"prompt": "y"}, **named)
    assert other.status_code == 422
    http.world.run("reject", str(first.json()["changeId"]), "--reason", "no", actor="arthur#3").ok()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"seed": "x"}, "seed"),
        ({"seed": "1.5"}, "seed"),
        ({"seed": str(2**53)}, "seed"),
        ({"steps": "0"}, "steps"),
        ({"cfgScale": "NaN"}, "cfgScale"),
        ({"cfgScale": "true"}, "cfgScale"),
        ({"nsfwLevel": "4"}, "nsfwLevel"),
        ({"loras": "[1]"}, "loras"),
        ({"loras": '[{"name": "a"}]'}, "loras"),
        ({"comfyWorkflow": "[]"}, "comfyWorkflow"),
        ({"comfyWorkflow": '{"a": 1, "a": 2}'}, "comfyWorkflow"),
        ({"promt": "x"}, "promt"),
        ({"prompt": "x" * 262_145}, "maximum size"),
    ],
    ids=range(13),
)
def test_a_field_that_makes_no_sense_is_named(http: Wire, fields: dict[str, str], word: str) -> None:
    answer = sent(http, picture("JPEG"), fields)
    assert answer.status_code == 400
    assert word in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"unknown": 1},
        {"prompt": 1},
        {"nsfwLevel": 4},
        {"nsfwLevel": 1.0},
        {"sortOrder": 2**53},
        {"generationParams": {"cfgScale": "7"}},
        {"generationParams": {"loras": [{"name": "a", "strength": True}]}},
        {"generationParams": {"sha256": "x"}},
        [],
        "x",
    ],
    ids=range(11),
)
def test_a_body_that_makes_no_sense_changes_nothing(http: Wire, body: Any) -> None:
    answer = http.ask("PATCH", f"{IMAGES}/{number_of(sum_of(WIDE))}", "carol", json=body)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_a_form_that_is_none_is_refused(http: Wire) -> None:
    assert http.post(IMAGES, {"file": "x"}, "carol").status_code == 400
    assert http.ask("POST", IMAGES, "carol", data={"prompt": "x"}).status_code == 400
    empty = http.ask("POST", IMAGES, "carol", content=b"", headers={"content-type": "multipart/form-data"})
    assert empty.status_code == 400
    broken = {"content": b"--a\r\nno form", "headers": {"content-type": "multipart/form-data; boundary=a"}}
    assert http.ask("POST", IMAGES, "carol", **broken).status_code == 400
    two = [("file", ("a.png", picture())), ("file", ("b.png", picture("GIF")))]
    assert http.ask("POST", IMAGES, "carol", files=two).status_code == 400
    twice = http.ask("POST", IMAGES, "carol", files={"file": ("a.png", picture())}, data={"prompt": ["x", "y"]})
    assert (twice.status_code, twice.json()) == (400, {"error": "The form has a field twice"})
    as_field = http.ask("POST", IMAGES, "carol", files={"prompt": (None, "x"), "file": (None, "y")})
    assert (as_field.status_code, as_field.json()) == (400, {"error": "file: the form brings no file"})


def test_a_model_or_a_picture_that_is_not_there_is_not_found(http: Wire) -> None:
    nowhere = f"/models/{stable_id('clip', 'nobody')}/images"
    assert http.get(nowhere).json() == {"error": "Model not found"}
    assert sent(http, picture(), path=nowhere).status_code == 404
    for method, path in (("GET", "/file"), ("GET", "/thumbnail"), ("DELETE", ""), ("PATCH", "")):
        more = {"json": {"prompt": "x"}} if method == "PATCH" else {}
        answer = http.ask(method, f"{IMAGES}/12{path}", **more)
        assert (answer.status_code, answer.json()) == (404, {"error": "Image not found"})
        for bad in ("0", "x", str(2**53), "-1", "%2e%2e"):
            assert http.ask(method, f"{IMAGES}/{bad}{path}", **more).status_code == 400
    assert http.get("/models/x/images").json() == {"error": "Invalid model ID"}
    assert http.get(f"{IMAGES}/x/file").json() == {"error": "Invalid image ID"}


def test_a_picture_that_the_model_has_already_is_a_conflict(http: Wire) -> None:
    assert sent(http, WIDE).status_code == 409


@pytest.mark.long
def test_a_replica_takes_no_pictures_and_shows_those_that_there_are(http: Wire) -> None:
    with wire(http.world, read_only=True) as replica:
        assert sent(replica, picture()).status_code == 503
        assert replica.get(IMAGES).status_code == 200
        assert replica.get(f"{IMAGES}?changeId=1").status_code == 503
