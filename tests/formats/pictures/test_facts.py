from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelref_git.errors import Invalid
from modelref_git.formats.pictures.facts import facts_of
from modelref_git.formats.pictures.parts import BYTES_AT_MOST
from tests.support.pictures import MEDIA_TYPES, chunk, gif, moving, painted, picture, png, saved, zipped

KINDS = list(MEDIA_TYPES)
HTML = b"<html><script>alert(1)</script></html>"


def rule_of(data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        facts_of(data)
    return str(caught.value.details[0]["rule"])


def every_form() -> dict[str, bytes]:
    """Files of every form that Pillow writes, by what is special about them."""
    found = {f"{kind} still": picture(kind, 37, 21) for kind in KINDS}
    found |= {f"{kind} moving": moving(kind) for kind in ("PNG", "GIF", "WEBP")}
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        grey = painted().convert("I").point(lambda value: value * 200).convert("I;16")
        found[f"PNG {mode}"] = saved(grey if mode == "I;16" else painted(mode="RGBA").convert(mode))
    found["PNG laced"] = saved(painted(), interlace=1)
    found["PNG and a picture beside its frames"] = saved(
        painted(), save_all=True, append_images=[painted(mode="L"), painted()], default_image=True
    )
    found["JPEG in steps"] = saved(painted(80, 60), "JPEG", progressive=True)
    found["JPEG CMYK"] = saved(painted(mode="CMYK"), "JPEG")
    found["JPEG grey"] = saved(painted(mode="L"), "JPEG")
    exif = Image.Exif()
    exif[0x0112] = 6
    found["JPEG turned"] = saved(painted(), "JPEG", exif=exif, icc_profile=b"x" * 70_000)
    found["WEBP turned"] = saved(painted(), "WEBP", exif=exif, icc_profile=b"x" * 1001)
    found["WEBP lossless"] = saved(painted(), "WEBP", lossless=True)
    clear = painted(mode="RGBA")
    clear.putalpha(100)
    found["WEBP clear"] = saved(clear, "WEBP")
    found["GIF clear"] = saved(clear, "GIF", transparency=0)
    found["GIF laced"] = saved(painted(100, 100), "GIF", interlace=1, comment=b"made here")
    return found


FORMS = every_form()


def test_what_the_container_says_is_what_pillow_finds() -> None:
    for name, data in FORMS.items():
        facts = facts_of(data)
        with Image.open(io.BytesIO(data)) as image:
            found = (MEDIA_TYPES[str(image.format)], image.width, image.height, getattr(image, "n_frames", 1))
        assert (facts.media_type, facts.width, facts.height, facts.frames) == found, name
        assert facts.size_bytes == len(data)


def test_a_picture_that_ends_anywhere_else_is_refused() -> None:
    for name, data in FORMS.items():
        step = max(1, len(data) // 150)
        for end in {*range(0, len(data), step), len(data) - 1, len(data) - 2}:
            assert rule_of(data[:end]) in ("picture.structure", "picture.kind"), (name, end)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_may_follow_a_picture(kind: str) -> None:
    for tail in (b"\0", b"\n", HTML, b"/*a*/=1;alert(1)", zipped(), picture("JPEG")):
        assert rule_of(picture(kind) + tail) == "picture.trailing"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (saved(painted(), "BMP"), "BMP"),
        (saved(painted(), "TIFF"), "TIFF"),
        (saved(painted(), "ICO"), "icon"),
        (saved(painted(), "PDF"), "PDF"),
        (zipped(), "ZIP"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf <!DOCTYPE html><p>", "HTML"),
        (b"<script>", "markup"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"RIFF\0\0\0\0WAVE", "sound"),
        (b"%PDF-1.7\n" + picture("JPEG"), "PDF"),
        (HTML + picture("PNG"), "HTML"),
        (b"GIF88a" + picture("GIF")[6:], "none of them"),
    ],
    ids=range(14),
)
def test_another_kind_is_named_and_refused(data: bytes, word: str) -> None:
    with pytest.raises(Invalid, match=word) as caught:
        facts_of(data)
    assert caught.value.details[0]["rule"] == "picture.kind"


def test_a_picture_within_which_another_document_is_found_is_refused() -> None:
    archive = zipped()
    assert rule_of(png(chunk(b"tEXt", b"a\0%PDF-1.4"))) == "picture.structure"
    hidden = png()[:-12] + chunk(b"teXt", archive) + chunk(b"IEND")
    assert rule_of(hidden) == "picture.structure"
    # Bytes that merely look like the mark of one are no archive.
    assert facts_of(png(chunk(b"teXt", b"PK\5\6" + b"\xff" * 40 + b"PK\5\6"))).frames == 1


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (png(width=60_000, height=60_000), "picture.pixels"),
        (png(width=16_385, height=1), "picture.pixels"),
        (png(width=8_001, height=8_000), "picture.pixels"),
        (gif(1_001), "picture.pixels"),
        (gif(300, 1_000, 1_000), "picture.pixels"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) * 1, "picture.structure"),
    ],
    ids=range(6),
)
def test_a_bomb_is_refused_before_anything_is_decoded(data: bytes, rule: str) -> None:
    assert rule_of(data) == rule


@pytest.mark.long
def test_a_file_that_is_cut_into_countless_pieces_is_given_up() -> None:
    assert rule_of(gif(420_000, 1, 1)) == "picture.structure"
    assert rule_of(png()[:-12] + chunk(b"eMPt") * 400_001 + chunk(b"IEND")) == "picture.structure"
    assert rule_of(picture("JPEG")[:2] + b"\xff\xfe\0\2" * 400_001 + picture("JPEG")[2:]) == "picture.structure"


def test_a_file_of_more_bytes_than_a_picture_may_have_is_refused_unread() -> None:
    assert rule_of(bytes(BYTES_AT_MOST + 1)) == "picture.size"


def test_a_jpeg_of_more_scans_than_anybody_needs_is_refused() -> None:
    data = FORMS["JPEG in steps"]
    scan = data.rindex(b"\xff\xda")
    assert rule_of(data[:scan] + data[scan:-2] * 100 + data[-2:]) == "picture.pixels"


def _frame_of(data: bytes) -> int:
    return data.index(b"fcTL") - 4


@pytest.mark.parametrize(
    "data",
    [
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))),
        png(chunk(b"ABCD")),
        png(chunk(b"PLTE", bytes(4))),
        png(chunk(b"a1cd")),
        png(chunk(b"acTL", struct.pack(">II", 2, 0))),
        png(chunk(b"acTL", bytes(8))),
        png(chunk(b"acTL", struct.pack(">II", 1, 0)), chunk(b"fdAT", struct.pack(">I", 0))),
        png(chunk(b"fcTL", bytes(26))),
        png()[:40] + b"\x01" + png()[41:],
        png()[:44] + b"\x01" + png()[45:],
        png().replace(chunk(b"IEND"), b"") + chunk(b"IEND", b"x"),
        png().replace(chunk(b"IEND"), chunk(b"eMPt") + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND")),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)) + chunk(b"IEND"),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 7, 0, 0, 0, 0)) + chunk(b"IEND"),
        moving("PNG")[: _frame_of(moving("PNG"))] + moving("PNG")[_frame_of(moving("PNG")) + 38 :],
        picture("JPEG").replace(b"\xff\xc0", b"\xff\xc3"),
        picture("JPEG").replace(b"\xff\xc0", b"\xff\xc9"),
        picture("JPEG").replace(b"\xff\xc0\x00\x11\x08\x00\x10", b"\xff\xc0\x00\x11\x08\x00\x00"),
        picture("JPEG")[:2] + b"\xff\xfe\x00\x01" + picture("JPEG")[2:],
        picture("JPEG")[:2] + b"\xff\xfe\x00\x02<" + picture("JPEG")[2:],
        b"\xff\xd8\xff\xd9",
        gif(0),
        gif(1, 0, 1),
        gif(1).replace(b"\x02\x02\x44", b"\x0c\x02\x44"),
        gif(2).replace(b"\x2c\0\0", b"\x2c\x08\0"),
        gif(1)[:-1] + b"\x01",
        picture("WEBP").replace(b"VP8 ", b"VP8Q"),
        moving("WEBP").replace(b"ANIM", b"aNIM"),
        moving("WEBP").replace(b"ANMF", b"aNMF"),
        moving("WEBP").replace(b"ANMF", b"VP8 "),
        FORMS["WEBP turned"].replace(b"VP8 ", b"vP8 "),
        FORMS["WEBP clear"][:24] + b"\x01" + FORMS["WEBP clear"][25:],
        FORMS["WEBP lossless"].replace(b"VP8L", b"VP8 "),
    ],
    ids=range(33),
)
def test_what_is_not_built_as_its_kind_has_to_be_is_refused(data: bytes) -> None:
    assert rule_of(data) == "picture.structure"


def test_a_refusal_names_what_was_given() -> None:
    with pytest.raises(Invalid, match=r"^the file a\.png is not valid: it is an empty file, and pictures are"):
        facts_of(b"", what="the file a.png")


def _tried(data: bytes) -> None:
    try:
        facts = facts_of(data)
    except Invalid:
        assert rule_of(data).startswith("picture.")
    else:
        assert facts.size_bytes == len(data)


STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a\x08\0\x08\0\0\0\0", b"RIFF\x20\0\0\0WEBPVP8X"]


@given(st.sampled_from(STARTS), st.binary(max_size=200))
@settings(max_examples=100)
def test_arbitrary_bytes_raise_nothing_but_our_own_error(start: bytes, rest: bytes) -> None:
    _tried(start + rest)


@pytest.mark.long
@given(st.sampled_from(sorted(FORMS)), st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=4)), max_size=5))
@settings(max_examples=5_000)
def test_changed_pictures_raise_nothing_but_our_own_error(name: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(FORMS[name])
    for place, new in changes:
        data[place : place + len(new)] = new
    _tried(bytes(data))
