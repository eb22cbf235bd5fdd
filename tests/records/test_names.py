"""File keys, foldings, and names that are refused."""

from __future__ import annotations

import hashlib
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records.json_text import parse
from modelref_git.records.names import (
    MAX_FILE_KEY_BYTES,
    check_category_name,
    file_key,
    fold,
    fold_hash,
    index_hash,
    name_of,
    structural_problems,
)

AWKWARD = [
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "a//b",
    "/",
    "CON",
    "con.txt",
    "conin$",
    "lpt¹",
    "x.",
    " x ",
    ".git",
    "GIT~1",
    ".g\u200cit",
    "aux.json",
    "ViT-L/14",
    "😀",
    "é",
    "e\u0301",
    "\u0301",
    "Å",
    "\u212b",
    "a\nb\tc\x00",
    "%41",
    "%2F",
    "100%",
    "~",
    "-rf",
    'a:b*c?d<e>f|g"h',
    "\U000105d2\u0327",
    "日本語 モデル",
    "x\u202etxt.exe",
    "x\u3000",
    "soft\u00adhyphen",
    "\ufeffx",
    "\ue000",
    "\U0010ffff",
]

CHARS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(
        [*string.printable, *"éÅßİıſΣςǰ\u0301\u0327\u0345\u0338\u1e9e\u212a\u212b\u10a0\u13a0\uab70\u2d00"]
    ),
)
NAMES = (
    (st.text(CHARS, min_size=1, max_size=20) | st.sampled_from(AWKWARD) | st.sampled_from(AWKWARD).map(str.swapcase))
    .map(lambda name: name.replace("\\", "/"))
    .filter(str.strip)
)


def rules(problems: list[dict[str, str]]) -> list[str]:
    return [problem["rule"] for problem in problems]


@given(NAMES)
def test_a_file_key_gives_its_name_back(name: str) -> None:
    assume(not structural_problems("clip", name))
    assert name_of(file_key(name)) == name


@given(NAMES)
def test_a_file_key_is_safe_on_every_file_system_and_in_git(name: str) -> None:
    assume(not structural_problems("clip", name))
    key = file_key(name)
    assert 0 < len(key.encode()) <= MAX_FILE_KEY_BYTES
    assert not set(key) & set('/\\:*?"<>|~ \t\n\0')
    assert key.isprintable()
    assert not key.startswith(".")
    assert not key.endswith((".", " "))
    assert unicodedata.normalize("NFC", key) == key
    assert key.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9", "com¹", "conin$", "conout$"}


@given(st.text(CHARS | st.sampled_from("%25ABEFaf0."), max_size=12) | NAMES)
@example("%61ux")
@example("%61b")
@example("%2f")
@example("%FF")
@example("%ED%A0%80")
@example("a%5Cb")
@example("%20")
@example("\ud800")
@example("e\u0301")
@example("%C3%A9")
@example("x.")
@example("")
def test_a_file_name_is_a_file_key_or_refused(text: str) -> None:
    try:
        name = name_of(text)
    except Invalid as error:
        found = error.details
    else:
        assert file_key(name) == text
        return
    assert rules(found) == ["name.file_key"]


@given(NAMES, NAMES)
def test_different_names_have_different_file_keys(one: str, other: str) -> None:
    assume(one != other and not structural_problems("clip", one) and not structural_problems("clip", other))
    assert file_key(one) != file_key(other)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("stable_diffusion_2.1", "stable_diffusion_2.1"),
        ("Dreamlike (v1.0), it's @home = +1!", "Dreamlike%20(v1.0),%20it's%20@home%20=%20+1!"),
        ("ViT-L/14", "ViT-L%2F14"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        (".git", "%2Egit"),
        ("x.", "x%2E"),
        ("GIT~1", "GIT%7E1"),
        ("CON", "%43ON"),
        ("aux.json", "%61ux.json"),
        ("auxiliary", "auxiliary"),
        ("com10", "com10"),
        ("lpt¹.x", "%6Cpt¹.x"),
        ("conout$", "%63onout%24"),
        ("-rf", "-rf"),
        ("%41", "%2541"),
        ("a\nb", "a%0Ab"),
        ("é☃", "é☃"),
        ("e\u0301é", "e%CC%81%C3%A9"),
        ("\u212b", "%E2%84%AB"),
        ("😀", "%F0%9F%98%80"),
        ("x\u200b", "x%E2%80%8B"),
        ("x\u00ad", "x%C2%AD"),
        ("\u03a9\u00a0", "Ω%C2%A0"),
        ("\U0001004c\u0327", "%F0%90%81%8C%CC%A7"),
    ],
)
def test_file_keys_never_change(name: str, key: str) -> None:
    assert file_key(name) == key
    assert name_of(key) == name


@given(NAMES)
@example("ᾳ\u0345Σς")
@example("\u10a0\u0301")
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(NAMES)
def test_letter_case_and_unicode_form_do_not_change_the_folding(name: str) -> None:
    assume(all(unicodedata.ucd_3_2_0.category(char) != "Cn" for char in name))
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.ucd_3_2_0.normalize(form, name)) == fold(name)
    if name.isascii():
        assert fold(name.upper()) == fold(name.lower()) == fold(name) == name.lower()


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("É", "e\u0301"), ("\u212b", "å"), ("K", "\u212a"), ("ΣΑΣ", "σας"), ("Ж", "ж")],
)
def test_look_alikes_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold_hash(one) == fold_hash(other)
    assert index_hash("clip", one) == index_hash("clip", other)


@pytest.mark.parametrize("name", ["\U0001e900", "\u1c90", "\uab70", "\u2c00", "\U000105d2\u0307"])
def test_characters_younger_than_the_pinned_unicode_are_left_alone(name: str) -> None:
    assert fold(name) == name


def test_hashes_are_sha_256_of_the_folded_name() -> None:
    assert fold_hash("É") == hashlib.sha256("é".encode()).hexdigest()
    assert index_hash("clip", "A") == hashlib.sha256(b"clip\0a").hexdigest()
    for function in (fold_hash, lambda name: index_hash("clip", name)):
        with pytest.raises(Invalid) as caught:
            function("x\ud800")
        assert rules(caught.value.details) == ["name.surrogate"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ["name.blank"]),
        (" \t\u3000", ["name.blank"]),
        ("a\\b", ["name.backslash"]),
        ("a\ud800", ["name.surrogate"]),
        ("\\\udc00", ["name.backslash", "name.surrogate"]),
        ("a" * 251, ["name.too_long"]),
        ("é" * 126, ["name.too_long"]),
        ("/" * 84, ["name.too_long"]),
        ("x" * 249 + ".", ["name.too_long"]),
        ("x" * 10_000_000, ["name.too_long"]),
        ("a" * 250, []),
        ("é" * 125, []),
        ("/" * 83, []),
    ],
)
def test_structural_faults_are_all_named_and_have_no_file_key(name: str, expected: list[str]) -> None:
    problems = structural_problems("clip", name)
    assert [problem.rule for problem in problems] == expected
    assert all(problem.path == "/name" for problem in problems)
    if expected:
        with pytest.raises(Invalid) as caught:
            file_key(name)
        assert rules(caught.value.details) == expected
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 250
    else:
        assert name_of(file_key(name)) == name


@pytest.mark.parametrize(
    ("category", "name", "refused"),
    [
        ("text_generation", "aphrodite/x/y", True),
        ("text_generation", "koboldcpp/x", True),
        ("text_generation", "KoboldCpp/x", False),
        ("text_generation", "koboldcpp", False),
        ("text_generation", "x/koboldcpp/y", False),
        ("image_generation", "koboldcpp/x", False),
    ],
)
def test_a_backend_prefix_is_refused_for_text_models_only(category: str, name: str, refused: bool) -> None:
    assert [problem.rule for problem in structural_problems(category, name)] == ["name.backend_prefix"] * refused


@pytest.mark.parametrize("text", ["a", "my_models2", "a" * 64, "policy2", "console"])
def test_category_names_of_ones_own_are_plain_words(text: str) -> None:
    check_category_name(text)


@pytest.mark.parametrize(
    "text", ["", "A", "2a", "_a", "a-b", "a b", "a/b", "a\n", "é", "a" * 65, "policy", "con", "com1"]
)
def test_other_category_names_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_category_name(text)
    assert rules(caught.value.details) == ["category.name"]


def test_every_real_name_has_a_file_key_and_no_two_look_alike(real_data: Path) -> None:
    for path in [real_data / "text-legacy-sample" / "db.json", *real_data.glob("image-legacy/*.json")]:
        names = parse(path.read_bytes(), max_bytes=None)
        assert all(name_of(file_key(name)) == name for name in names)
        assert len({fold(name) for name in names}) == len(names)
