from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Conflict, IntegrityFailure, Invalid, NotFound
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import (
    CategoryConfig,
    DatasetConfig,
    initial,
    with_category,
    with_fan_out,
    with_member,
)

OLIVIA = Member("1", "olivia", ("olivia@people.example",), (), ("requestor", "approver"))
DORA = Member("4", "Dora D.", ("dora@people.example", "d@people.example"), ("ssh-ed25519 AAAA x",), ("requestor",))
FILE = initial(OLIVIA, {"clip": "schemas/clip.schema.json", "blip": "schemas/blip.schema.json"}, {"name.url": "error"})


def test_a_new_file_says_what_was_asked_for() -> None:
    config = DatasetConfig.parse(FILE)
    assert config.members == (OLIVIA,)
    assert config.categories == {
        "clip": CategoryConfig("clip", "schemas/clip.schema.json", 0),
        "blip": CategoryConfig("blip", "schemas/blip.schema.json", 0),
    }
    assert config.rules == {"name.url": "error"}
    assert tomllib.loads(FILE.decode())["policy"] == {
        "two_person_review": False,
        "approvals": 1,
        "require_signed": False,
        "ack_critical": False,
        "replica_max_age": 604_800,
    }


def test_the_least_file_is_one_with_a_format() -> None:
    assert DatasetConfig.parse(b"format = 1\n") == DatasetConfig()


@pytest.mark.parametrize("text", ["", "format = 2", 'format = "1"', "format = true", "format = 1.0", "[policy]\n"])
def test_another_format_stops_everything_and_names_what_is_read(text: str) -> None:
    with pytest.raises(IntegrityFailure) as caught:
        DatasetConfig.parse(text.encode())
    assert "format 1" in caught.value.message


@pytest.mark.parametrize("data", [b"format = ", b"format = 1\n[a]\n[a]\n", b"\xff\xfe", b"format = 1\nx = 1\nx = 2\n"])
def test_what_is_no_toml_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        DatasetConfig.parse(data)
    assert [row["rule"] for row in caught.value.details] == ["config.syntax"]


def faults(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        DatasetConfig.parse(f"format = 1\n{text}".encode())
    return [row["path"] for row in caught.value.details]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("members = 7", "/members"),
        ("members = [7]", "/members"),
        ('[[members]]\nname = "a"', "/members/0"),
        ('[[members]]\nid = 1\nname = "a"', "/members/0"),
        ('[[members]]\nid = "1"\nname = ""', "/members/0"),
        ('[[members]]\nid = " "\nname = "a"', "/members/0"),
        ('[[members]]\nid = "1"\nname = "a"\nroles = ["king"]', "/members/0/roles"),
        ('[[members]]\nid = "1"\nname = "a"\nroles = "approver"', "/members/0/roles"),
        ('[[members]]\nid = "1"\nname = "a"\nemails = [7]', "/members/0/emails"),
        ('[[members]]\nid = "1"\nname = "a"\n[[members]]\nid = "1"\nname = "b"', "/members/1"),
        ("categories = 7", "/categories"),
        ("[categories]\nclip = 7", "/categories/clip"),
        ("[categories.clip]\nfan_out = 0", "/categories/clip"),
        ('[categories.clip]\nschema = "s"\nfan_out = 3', "/categories/clip/fan_out"),
        ('[categories.clip]\nschema = "s"\nfan_out = true', "/categories/clip/fan_out"),
        ("policy = 7", "/policy"),
        ("rules = 7", "/rules"),
        ('[rules]\n"name.url" = "fatal"', "/rules/name.url"),
        ('[rules]\n"name.url" = 7', "/rules/name.url"),
    ],
)
def test_a_part_that_is_not_what_it_must_be_is_named(text: str, path: str) -> None:
    assert path in faults(text)


def test_all_faults_are_told_at_once() -> None:
    assert len(faults('members = 7\ncategories = 7\npolicy = 7\n[rules]\nx = "y"')) == 4


COMMENTED = b"""\
# our dataset
format = 1   # never touch

[policy]
two_person_review = false # we are two

[[members]]   # people
id = "1"
name = "olivia"
emails = [
  "olivia@people.example", # private
]
roles = ["approver"]

[categories.clip]
schema = "schemas/clip.schema.json" # encoders
fan_out = 0
"""


def test_edits_keep_comments_and_everything_else() -> None:
    edited = with_fan_out(
        with_category(with_member(COMMENTED, DORA), "voices", "schemas/voices.schema.json"), "clip", 1
    )
    for comment in (b"# our dataset", b"# never touch", b"# we are two", b"# people", b"# private", b"# encoders"):
        assert comment in edited
    config = DatasetConfig.parse(edited)
    assert config.member("4") == DORA
    assert config.categories["voices"] == CategoryConfig("voices", "schemas/voices.schema.json", 0)
    assert config.categories["clip"].fan_out == 1
    kept = [line for line in COMMENTED.splitlines() if line not in edited.splitlines()]
    assert kept == [b"fan_out = 0"] or kept == []


def test_an_edit_works_on_the_least_file_too() -> None:
    edited = with_category(with_member(b"format = 1\n", DORA), "voices", "s.json")
    config = DatasetConfig.parse(edited)
    assert config.members == (DORA,)
    assert list(config.categories) == ["voices"]


def test_what_is_there_already_is_not_added_again() -> None:
    with pytest.raises(Conflict):
        with_member(FILE, Member("1", "other"))
    with pytest.raises(Conflict):
        with_member(FILE, Member("9", "other", ("OLIVIA@people.example",)))
    with pytest.raises(Conflict):
        with_category(FILE, "clip", "s.json")
    with pytest.raises(NotFound):
        with_fan_out(FILE, "nothing", 1)


@given(st.text(min_size=1).filter(str.strip), st.lists(st.text()), st.text(min_size=1).filter(str.strip))
def test_any_text_of_a_member_survives_the_file(name: str, keys: list[str], ident: str) -> None:
    member = Member(ident.strip() + "x", name.strip(), (), tuple(keys), ("requestor",))
    assert DatasetConfig.parse(with_member(FILE, member)).member(member.id) == member


def test_a_member_is_found_by_id_and_by_any_address_whatever_its_case() -> None:
    config = DatasetConfig.parse(with_member(FILE, DORA))
    assert config.member("4") == DORA
    assert config.member("5") is None
    assert config.member_by_email("D@People.Example") == DORA
    assert config.member_by_email("nobody@people.example") is None
