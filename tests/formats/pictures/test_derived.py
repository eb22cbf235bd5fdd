from __future__ import annotations

import io

import blurhash as blurhash_package
import pytest
from PIL import Image

from modelref_git.errors import Invalid
from modelref_git.formats.pictures.derived import blurhash, thumbnail
from tests.formats.pictures.test_facts import FORMS
from tests.support.pictures import painted, picture, png, saved


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_thumbnail_is_a_small_webp_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "somewhere secret"
    data = saved(painted(600, 300), "JPEG", exif=exif, icc_profile=b"a profile", comment=b"a comment")
    small = thumbnail(data, 64)
    with opened(small) as image:
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("WEBP", (64, 32), 1)
        assert not image.getexif()
    assert b"secret" not in small
    assert b"profile" not in small


def test_every_form_of_picture_has_a_thumbnail_and_a_blurhash() -> None:
    for name, data in FORMS.items():
        with opened(thumbnail(data, 16)) as image:
            assert max(image.size) == 16, name
        assert len(blurhash(data)) == 36


@pytest.mark.parametrize(("turn", "size"), [(1, (64, 32)), (3, (64, 32)), (6, (32, 64)), (8, (32, 64)), (99, (64, 32))])
def test_a_photograph_stands_upright(turn: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    with opened(thumbnail(saved(painted(300, 150), "JPEG", exif=exif), 64)) as image:
        assert image.size == size
        if turn == 6:
            red, _, blue = image.convert("RGB").getpixel((32 // 2, 4))  # type: ignore[misc]
            assert red > 150 > blue


def test_a_small_picture_keeps_its_size() -> None:
    with opened(thumbnail(picture("PNG", 24, 16), 256)) as image:
        assert image.size == (24, 16)


def test_a_clear_part_stays_clear_in_a_thumbnail_and_is_white_when_blurred() -> None:
    clear = saved(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    with opened(thumbnail(clear, 32)) as image:
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert blurhash(clear) == blurhash(saved(Image.new("RGB", (64, 64), "white")))


def test_sixteen_bits_of_grey_are_as_bright_as_they_were() -> None:
    with opened(thumbnail(saved(Image.new("I;16", (40, 30), 0x8000)), 16)) as image:
        assert abs(image.convert("L").getpixel((3, 3)) - 128) < 6  # type: ignore[operator]


def test_a_blurhash_shows_the_picture() -> None:
    rows = blurhash_package.decode(blurhash(picture("PNG", 90, 60)), 9, 6)
    left, right = rows[3][0], rows[3][8]
    assert left[0] > left[2]
    assert right[2] > right[0]


def test_what_is_no_picture_has_neither() -> None:
    for data in (b"", b"<svg>", png(width=60_000, height=60_000), picture()[:-20]):
        with pytest.raises(Invalid):
            thumbnail(data, 64)
        with pytest.raises(Invalid):
            blurhash(data)
