from __future__ import annotations

import sys
import warnings
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelref_git.errors import Invalid, UsageFault
from modelref_git.formats.pictures.decode import check
from modelref_git.formats.pictures.facts import facts_of
from tests.formats.pictures.test_facts import FORMS
from tests.support.pictures import chunk, moving, picture, png


def rule_of(data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        check(data)
    return str(caught.value.details[0]["rule"])


def test_every_form_of_picture_is_decoded_whole() -> None:
    for data in FORMS.values():
        assert check(data) == facts_of(data)


def test_what_the_container_refuses_is_never_given_to_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(Image, "open", never)
    assert rule_of(png(width=60_000, height=60_000)) == "picture.pixels"


@pytest.mark.parametrize(
    "data",
    [
        png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(5_000_000)))),
        png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5_000_000)))),
        png().replace(chunk(b"IDAT", zlib.compress(bytes(72))), chunk(b"IDAT", zlib.compress(bytes(30)))),
        png().replace(chunk(b"IDAT", zlib.compress(bytes(72))), chunk(b"IDAT", b"no deflate at all")),
        picture("WEBP")[:34] + b"\xff" * (len(picture("WEBP")) - 34),
    ],
    ids=["iccp-bomb", "text-bomb", "few-rows", "no-rows", "noise"],
)
def test_what_cannot_be_decoded_is_refused(data: bytes) -> None:
    assert facts_of(data)
    assert rule_of(data) == "picture.decode"


def test_every_frame_is_decoded_and_not_the_first_alone() -> None:
    data = moving("PNG")
    place = data.rindex(b"fdAT")
    length = int.from_bytes(data[place - 4 : place])
    bad = chunk(b"fdAT", data[place + 4 : place + 8] + b"\xff" * (length - 4))
    broken = data[: place - 4] + bad + data[place + 8 + length :]
    assert facts_of(broken).frames == 3
    assert rule_of(broken) == "picture.decode"


def test_a_bound_of_pillows_that_somebody_set_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (None, 89_478_485):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        check(picture())
        assert limit == Image.MAX_IMAGE_PIXELS


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UsageFault) as caught:
        check(picture())
    assert "pip install 'modelref-git[pictures]'" in str(caught.value.hint)


@pytest.mark.long
@given(st.sampled_from(sorted(FORMS)), st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=4)), max_size=5))
@settings(max_examples=1_500)
def test_changed_pictures_raise_nothing_but_our_own_error(name: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(FORMS[name])
    for place, new in changes:
        data[place : place + len(new)] = new
    for kind in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(kind)  # type: ignore[arg-type]
            try:
                facts = check(bytes(data))
            except Invalid:
                assert rule_of(bytes(data)).startswith("picture.")
            else:
                assert facts == facts_of(bytes(data))
