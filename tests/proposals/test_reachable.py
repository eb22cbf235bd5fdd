from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import FILE, SECOND, CategoryConfig, DatasetConfig, Policy, Protection
from modelref_git.proposals.events import Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.policy import Case, Facts, judge, missing
from modelref_git.proposals.queue import Change, GivenApproval
from modelref_git.proposals.reachable import config_problems

CATEGORIES = {name: CategoryConfig(name, "s") for name in ("clip", "blip")}
HASH, TEXT = ("config", "sha256sum"), ("description",)
TOUCHED = [Facts(), Facts((HASH,), critical=True), Facts((TEXT,)), Facts((HASH, TEXT), critical=True)]


def subjects() -> Iterator[tuple[str, str, Facts]]:
    yield from product(CATEGORIES, ("x", "y"), TOUCHED)
    yield POLICY, FILE, Facts()


def change_of(asker: Member, category: str, name: str) -> Change:
    proposal = Proposal("update", category, name, asker.actor, None, "c" * 40, "b" * 40, "0" * 40, "1" * 40)
    return queued(proposal, 7, 100)


def may_ask(config: DatasetConfig, asker: Member, change: Change, facts: Facts) -> bool:
    if change.category == POLICY and not asker.approves(None):
        return False
    return not judge(Case(config, asker.actor, "enqueue", change, lambda _: facts))


def gets_through(config: DatasetConfig, change: Change, facts: Facts) -> bool:
    """Whether *change* has all it needs once everybody who may has approved it, with a second look."""
    able = [m for m in config.members if not judge(Case(config, m.actor, "approve", change, lambda _: facts))]
    given = tuple(GivenApproval(member.id, str(member.actor), 100, acknowledged=True) for member in able)
    return not missing(config, replace(change, approvals=given), lambda _: facts)


def can_be_lived_with(config: DatasetConfig) -> bool:
    """By trying every change that every member could ask for."""
    administrators = 0
    for (category, name, facts), asker in product(subjects(), config.members):
        change = change_of(asker, category, name)
        if may_ask(config, asker, change, facts):
            administrators += category == POLICY
            if not gets_through(config, change, facts):
                return False
    return administrators > 0


def teams() -> Iterator[tuple[Member, ...]]:
    roles = [(), ("requestor",), ("approver",), ("approver:clip",), ("approver", "service")]
    for size in (1, 2, 3):
        for chosen in product(roles, repeat=size):
            if list(chosen) == sorted(chosen):
                yield tuple(Member(str(n), f"m{n}", roles=row) for n, row in enumerate(chosen, 1))


PROTECTIONS = [
    Protection("clip", approvals=2),
    Protection("clip", approvers=("1",)),
    Protection(name="x", approvers=("2",)),
    Protection(field="sha256sum", approvers=("1", "3")),
    Protection(field="description", requestors=("1",), approvals=2),
    Protection(requestors=("2",)),
    Protection(POLICY, approvers=("3",)),
    Protection("blip", requestors=("2",), approvers=("1", "3"), approvals=2),
]


@pytest.mark.parametrize("approvals", [1, 2, 3])
@pytest.mark.parametrize("two_person_review", [True, False])
def test_a_policy_is_refused_if_and_only_if_some_change_could_never_get_its_approvals(
    approvals: int, two_person_review: bool
) -> None:
    verdicts = set()
    for members, mode in product(teams(), (False, True, SECOND)):
        policy = Policy(two_person_review=two_person_review, approvals=approvals, ack_critical=mode)
        config = DatasetConfig(members, CATEGORIES, policy)
        problems = config_problems(config)
        assert bool(problems) != can_be_lived_with(config), (config, problems)
        verdicts.add(bool(problems))
    assert verdicts == {True, False} or (approvals, two_person_review) == (3, True)


def known(members: tuple[Member, ...], protected: tuple[Protection, ...]) -> bool:
    idents = {member.id for member in members}
    return all({*item.requestors, *item.approvers} <= idents for item in protected)


@pytest.mark.parametrize("two_person_review", [True, False])
def test_protections_are_refused_if_and_only_if_together_they_ask_for_what_nobody_can_give(
    two_person_review: bool,
) -> None:
    verdicts = []
    for members in teams():
        for protected in (*((one,) for one in PROTECTIONS), *combinations(PROTECTIONS, 2)):
            if not known(members, protected):
                continue
            config = DatasetConfig(members, CATEGORIES, Policy(two_person_review, protected=protected))
            problems = config_problems(config)
            assert bool(problems) != can_be_lived_with(config), (config, problems)
            verdicts.append(bool(problems))
    assert verdicts.count(True) > 20
    assert verdicts.count(False) > 20


ids = st.lists(st.sampled_from(["1", "2", "3", "4"]), unique=True, max_size=3).map(tuple)
protections = st.builds(
    Protection,
    category=st.sampled_from([None, "clip", "blip", POLICY]),
    name=st.sampled_from([None, "x"]),
    field=st.sampled_from([None, "sha256sum", "/description"]),
    requestors=ids,
    approvers=ids,
    approvals=st.integers(1, 2),
)
role_lists = st.lists(
    st.sampled_from(["requestor", "approver", "approver", "approver:clip", "service"]), unique=True, max_size=2
)


@given(
    st.lists(role_lists, min_size=4, max_size=4),
    st.booleans(),
    st.integers(1, 2),
    st.lists(protections, max_size=3),
    st.sampled_from([False, True, SECOND]),
)
def test_any_policy_that_is_taken_lets_every_change_through_and_any_that_is_refused_does_not(
    roles: list[list[str]], two_person_review: bool, approvals: int, protected: list[Protection], mode: bool | str
) -> None:
    members = tuple(Member(str(n), f"m{n}", roles=tuple(row)) for n, row in enumerate(roles, 1))
    policy = Policy(two_person_review, approvals, ack_critical=mode, protected=tuple(protected))
    config = DatasetConfig(members, CATEGORIES, policy)
    assert bool(config_problems(config)) != can_be_lived_with(config)


OLIVIA = Member("1", "olivia", ("o@people.example",), ("ssh-ed25519 AAAA olivia@home",), ("approver",))
ARTHUR = Member("2", "arthur", ("a@people.example",), (), ("approver",))


def paths(config: DatasetConfig) -> list[tuple[str, str]]:
    return [(problem.path, problem.rule) for problem in config_problems(config)]


def test_two_members_with_one_address_or_one_key_are_one_person_who_would_count_twice() -> None:
    for twin in (
        replace(ARTHUR, emails=("O@People.Example",)),
        replace(ARTHUR, ssh_keys=("ssh-ed25519  AAAA  arthur@work",)),
    ):
        assert paths(DatasetConfig((OLIVIA, twin))) == [("/members", "policy.one_person")]
    assert paths(DatasetConfig((OLIVIA, ARTHUR))) == []


def test_an_approver_without_a_key_is_refused_where_everything_is_signed() -> None:
    signed = Policy(require_signed=True)
    assert paths(DatasetConfig((OLIVIA,), policy=signed)) == []
    assert paths(DatasetConfig((OLIVIA, ARTHUR), policy=signed)) == [("/members/1/ssh_keys", "policy.reachable")]
    service = Member("3", "robot", (), ("ssh-ed25519 BBBB",), ("service",))
    assert paths(DatasetConfig((OLIVIA, ARTHUR, service), policy=signed)) == [], "the service signs what they do there"


def test_what_is_protected_names_members_and_categories_that_are_there() -> None:
    protected = (Protection("nothing"), Protection(requestors=("9",)), Protection(approvers=("1", "8")))
    assert paths(DatasetConfig((OLIVIA,), CATEGORIES, Policy(protected=protected))) == [
        ("/protected/0/category", "config.value"),
        ("/protected/1", "config.value"),
        ("/protected/2", "config.value"),
    ]


def test_the_setting_that_asks_for_too_much_is_named_once() -> None:
    def told(policy: Policy) -> list[str]:
        return [path for path, _ in paths(DatasetConfig((OLIVIA, ARTHUR), CATEGORIES, policy))]

    assert told(Policy(approvals=2)) == ["/policy/approvals"]
    assert told(Policy(two_person_review=False, approvals=2)) == []
    assert told(Policy(protected=(Protection("clip"), Protection("blip", approvals=2)))) == ["/protected/1"]
    apart = (Protection("clip", approvers=("1",)), Protection(field="sha256sum", approvers=("2",)))
    assert told(Policy(protected=apart)) == ["/protected/1"], "a change of both is one that nobody may approve"
    hashes = (Protection(field="sha256sum", approvals=2), Protection(field="sha256sum", requestors=("1",)))
    config = DatasetConfig((replace(OLIVIA, roles=()), ARTHUR), CATEGORIES, Policy(protected=hashes))
    assert paths(config) == [], "what nobody may ask for needs no approvals"
    frozen = Protection(POLICY, requestors=("1",))
    assert told(Policy(protected=(frozen,))) == []
    assert paths(
        DatasetConfig(
            (OLIVIA, Member("3", "carol", roles=("requestor",))), {}, Policy(protected=(Protection(requestors=("3",)),))
        )
    ) == [("/protected", "policy.reachable")]
