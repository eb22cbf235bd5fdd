from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Conflict, Invalid, NotFound
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import SECOND, CategoryConfig, DatasetConfig
from modelref_git.proposals.config_edit import (
    initial,
    with_category,
    with_fan_out,
    with_member,
    with_policy,
    with_roles,
    without_member,
)

OLIVIA = Member("1", "olivia", ("olivia@people.example",), (), ("requestor", "approver"))
DORA = Member("4", "Dora D.", ("dora@people.example", "d@people.example"), ("ssh-ed25519 AAAA x",), ("requestor",))
FILE = initial(OLIVIA, {"clip": "schemas/clip.schema.json", "blip": "schemas/blip.schema.json"}, {"name.url": "error"})


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


def lines_but(data: bytes, *without: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if line.strip() and line not in without]


def test_a_member_who_is_taken_off_leaves_everything_else() -> None:
    assert lines_but(without_member(with_member(COMMENTED, DORA), "4")) == lines_but(COMMENTED)
    with pytest.raises(NotFound):
        without_member(COMMENTED, "4")


def test_roles_are_set_as_a_whole_and_nothing_else_is() -> None:
    edited = with_roles(COMMENTED, "1", ("requestor", "approver:clip"))
    member = DatasetConfig.parse(edited).member("1")
    assert member is not None
    assert member.roles == ("requestor", "approver:clip")
    gone = [line for line in COMMENTED.splitlines() if line not in edited.splitlines()]
    assert gone == [b'roles = ["approver"]']
    with pytest.raises(NotFound):
        with_roles(COMMENTED, "4", ())
    with pytest.raises(Invalid):
        with_roles(COMMENTED, "1", ("approver:voices",))


def test_lines_of_the_policy_are_set_and_its_comments_stay() -> None:
    edited = with_policy(COMMENTED, [("two_person_review", True), ("ack_critical", "second"), ("approvals", 2)])
    policy = DatasetConfig.parse(edited).policy
    assert (policy.two_person_review, policy.ack_critical, policy.approvals) == (True, SECOND, 2)
    assert b"# we are two" in edited
    assert DatasetConfig.parse(with_policy(b"format = 1\n", [("approvals", 3)])).policy.approvals == 3


@pytest.mark.parametrize(
    "setting", [("nothing", 1), ("approvals", "two"), ("two_person_review", None), ("ack_critical", "\ud800")]
)
def test_a_line_that_the_policy_does_not_have_is_refused(setting: tuple[str, object]) -> None:
    with pytest.raises(Invalid):
        with_policy(COMMENTED, [setting])


def test_flags_are_mapped_and_unmapped_line_by_line() -> None:
    edited = with_policy(COMMENTED, [("flag_roles.moderator", ["approver"]), ("flag_roles.trusted", ["requestor"])])
    assert lines_but(edited, b"[policy.flag_roles]", b'moderator = ["approver"]', b'trusted = ["requestor"]') == (
        lines_but(COMMENTED)
    )
    edited = with_policy(edited, [("flag_roles.trusted", []), ("approvals", 2)])
    policy = DatasetConfig.parse(edited).policy
    assert policy.flag_roles == {"moderator": ("approver",), "trusted": ()}
    assert policy.approvals == 2
    assert DatasetConfig.parse(with_policy(edited, [("flag_roles", {"x": ["requestor"]})])).policy.flag_roles == {
        "x": ("requestor",)
    }
    with pytest.raises(Invalid):
        with_policy(edited, [("flag_roles.moderator", ["service"])])
