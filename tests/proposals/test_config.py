from __future__ import annotations

import tomllib

import pytest

from modelref_git.errors import IntegrityFailure, Invalid
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import SECOND, CategoryConfig, DatasetConfig, Policy, Protection
from modelref_git.proposals.config_edit import initial, with_member

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
        "two_person_review": True,
        "approvals": 1,
        "require_signed": False,
        "ack_critical": False,
        "replica_max_age": 604_800,
    }
    assert config.policy == Policy(), "what a new file says is what holds without saying it"


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
        ('[[members]]\nid = "1"\nname = "a"\nroles = ["approver:clip"]', "/members/0/roles"),
        (
            '[[members]]\nid = "1"\nname = "a"\nroles = ["requestor:clip"]\n[categories.clip]\nschema = "s"',
            "/members/0/roles",
        ),
        ("[policy]\ntwo_persons = true", "/policy/two_persons"),
        ("[policy]\ntwo_person_review = 1", "/policy/two_person_review"),
        ("[policy]\napprovals = 0", "/policy/approvals"),
        ("[policy]\napprovals = true", "/policy/approvals"),
        ("[policy]\napprovals = 1.0", "/policy/approvals"),
        ('[policy]\nrequire_signed = "yes"', "/policy/require_signed"),
        ('[policy]\nack_critical = "third"', "/policy/ack_critical"),
        ("[policy]\nack_critical = 2", "/policy/ack_critical"),
        ("[policy]\nreplica_max_age = -1", "/policy/replica_max_age"),
        ("[policy]\nflag_roles = 7", "/policy/flag_roles"),
        ("[policy]\nflag_roles = []", "/policy/flag_roles"),
        ('[policy.flag_roles]\nmoderator = "approver"', "/policy/flag_roles/moderator"),
        ("[policy.flag_roles]\nmoderator = [7]", "/policy/flag_roles/moderator"),
        ('[policy.flag_roles]\nmoderator = ["service"]', "/policy/flag_roles/moderator"),
        ('[policy.flag_roles]\nmoderator = ["approver:clip"]', "/policy/flag_roles/moderator"),
        ('[policy.flag_roles]\nmoderator = ["requestor", "king"]', "/policy/flag_roles/moderator"),
        ('[policy.flag_roles]\n" x" = ["approver"]', "/policy/flag_roles/ x"),
        ('[policy.flag_roles]\n"" = ["approver"]', "/policy/flag_roles/"),
        ("protected = 7", "/protected"),
        ("protected = [7]", "/protected"),
        ('[[protected]]\nwho = "1"', "/protected/0/who"),
        ("[[protected]]\ncategory = 7", "/protected/0/category"),
        ('[[protected]]\nname = ""', "/protected/0/name"),
        ("[[protected]]\nfield = []", "/protected/0/field"),
        ("[[protected]]\nreason = true", "/protected/0/reason"),
        ("[[protected]]\napprovals = 0", "/protected/0/approvals"),
        ('[[protected]]\napprovers = "1"', "/protected/0/approvers"),
        ("[[protected]]\n[[protected]]\nrequestors = [1]", "/protected/1/requestors"),
        ("rules = 7", "/rules"),
        ('[rules]\n"name.url" = "fatal"', "/rules/name.url"),
        ('[rules]\n"name.url" = 7', "/rules/name.url"),
    ],
)
def test_a_part_that_is_not_what_it_must_be_is_named(text: str, path: str) -> None:
    assert path in faults(text)


def test_what_is_protected_is_read_as_it_stands() -> None:
    text = """\
format = 1
[policy]
ack_critical = "second"
approvals = 2
[[members]]
id = "1"
name = "a"
roles = ["approver:clip", "service"]
[categories.clip]
schema = "s"
[[protected]]
category = "clip"
name = "ViT-L/14"
field = "sha256sum"
requestors = ["1"]
approvers = ["2", "3"]
approvals = 2
reason = "hashes are checked by two"
[[protected]]
"""
    config = DatasetConfig.parse(text.encode())
    every = Protection("clip", "ViT-L/14", "sha256sum", ("1",), ("2", "3"), 2, "hashes are checked by two")
    assert config.policy == Policy(approvals=2, ack_critical=SECOND, protected=(every, Protection()))
    assert config.members[0].roles == ("approver:clip", "service")


def test_all_faults_are_told_at_once() -> None:
    assert len(faults('members = 7\ncategories = 7\npolicy = 7\n[rules]\nx = "y"')) == 4


def test_a_member_is_found_by_id_and_by_any_address_whatever_its_case() -> None:
    config = DatasetConfig.parse(with_member(FILE, DORA))
    assert config.member("4") == DORA
    assert config.member("5") is None
    assert config.member_by_email("D@People.Example") == DORA
    assert config.member_by_email("nobody@people.example") is None


FLAGGED = b"""\
format = 1
[policy]
approvals = 2
[policy.flag_roles]
moderator = ["approver:clip", "requestor"]
trusted = ["requestor"]
nothing = []
[[members]]
id = "1"
name = "a"
emails = ["a@people.example"]
roles = ["requestor"]
[[members]]
id = "9"
name = "robot"
roles = ["service"]
[categories.clip]
schema = "s"
"""


def test_flags_are_mapped_to_roles() -> None:
    policy = DatasetConfig.parse(FLAGGED).policy
    assert policy.flag_roles == {"moderator": ("approver:clip", "requestor"), "trusted": ("requestor",), "nothing": ()}
    assert policy.approvals == 2


def test_flags_make_a_guest_of_a_stranger_and_add_to_what_a_member_may() -> None:
    config = DatasetConfig.parse(FLAGGED)
    stranger = Actor("77", "gwen")
    assert config.acting(stranger) is None
    assert config.acting(stranger, ("nothing", "unheard of")) is None
    assert config.acting(stranger, ("trusted",)) == Member("77", "gwen", (), (), ("requestor",))
    both = config.acting(stranger, ("moderator", "trusted"))
    assert both == Member("77", "gwen", (), (), ("approver:clip", "requestor"))
    listed = config.acting(Actor("1", "a"), ("moderator",))
    assert listed == Member("1", "a", ("a@people.example",), (), ("requestor", "approver:clip"))
    assert config.acting(Actor("1", "a")) == config.member("1")


def test_flags_that_bring_nothing_are_not_known() -> None:
    config = DatasetConfig.parse(FLAGGED)
    assert config.known_flags(["trusted", "nothing", "unheard of", "moderator", "trusted"]) == ("moderator", "trusted")


def test_only_a_listed_service_is_one() -> None:
    config = DatasetConfig.parse(FLAGGED)
    found = [config.is_service(actor) for actor in (Actor("9", "robot"), Actor("1", "a"), Actor("77", "gwen"), None)]
    assert found == [True, False, False, False]
