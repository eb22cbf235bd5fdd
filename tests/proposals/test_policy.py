from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.proposals import policy
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import SECOND, CategoryConfig, DatasetConfig, Policy, Protection
from modelref_git.proposals.events import ADMINISTRATIVE, Proposal
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.header import APPROVED, POLICY
from modelref_git.proposals.policy import Case, Facts, judge
from modelref_git.proposals.queue import Change, GivenApproval

OLIVIA = Member("1", "olivia", ("olivia@people.example",), ("ssh-ed25519 AAAA olivia@home",), ("approver",))
CAROL = Member("2", "carol", roles=("requestor",))
ARTHUR = Member("3", "arthur", roles=("requestor", "approver"))
KAI = Member("4", "kai", roles=("approver:clip",))
ROBOT = Member("5", "robot", roles=("service",))
NINA = Member("6", "nina")
CATEGORIES = {name: CategoryConfig(name, "s") for name in ("clip", "blip")}
CONFIG = DatasetConfig((OLIVIA, CAROL, ARTHUR, KAI, ROBOT, NINA), CATEGORIES)


def ruled(*protected: Protection, members: tuple[Member, ...] = CONFIG.members, **settings: Any) -> DatasetConfig:
    return DatasetConfig(members, CATEGORIES, Policy(protected=protected, **settings))


def asked(by: Member = CAROL, category: str = "clip", *approved_by: Member, **more: Any) -> Change:
    """A change that *by* asked for and *approved_by* have approved."""
    proposal = Proposal("update", category, "x", by.actor, None, "c" * 40, "b" * 40, "0" * 40, "1" * 40)
    given = tuple(approval(member) for member in approved_by)
    return replace(queued(proposal, 7, 100), **{"approvals": given, **more})


def approval(member: Member, *, acknowledged: bool = False) -> GivenApproval:
    return GivenApproval(member.id, str(member.actor), 100, acknowledged)


def nothing(_: Change) -> Facts:
    return Facts()


def hash_and_name(_: Change) -> Facts:
    return Facts((("config", "download", "0", "sha256sum"), ("description",)), critical=True)


def case(
    action: str,
    member: Member,
    change: Change | None = None,
    config: DatasetConfig = CONFIG,
    facts_of: policy.FactsOf = nothing,
    **more: Any,
) -> Case:
    return Case(config, member.actor, action, change, facts_of, **more)


def ready(by: Member, *approved_by: Member, **more: Any) -> Change:
    return asked(by, "clip", *approved_by, status=APPROVED, **more)


ONLY_OLIVIA = (OLIVIA, CAROL, NINA)
HASHES = Protection(field="sha256sum", requestors=("1",), approvers=("3",), reason="two look at hashes")
CLIP_RECORD = Protection("clip", "x", requestors=("3",), approvers=("1",))
OTHERS_RECORD = Protection("clip", "y", requestors=("3",), approvers=("1",))
MACHINE = replace(ROBOT, roles=("service", "approver"))
WITH_MACHINE = ruled(members=(OLIVIA, CAROL, MACHINE))
RUN_BY_ARTHUR = ruled(
    members=(OLIVIA, CAROL, *(replace(m, emails=("a@people.example",)) for m in (ARTHUR, ROBOT, replace(KAI, id="8"))))
)
LOOKED_TWICE = ready(CAROL, approvals=(approval(ARTHUR, acknowledged=True),))
CRITICAL = ruled(ack_critical=True)
BY_SECOND = ruled(ack_critical=SECOND)

GUEST = Member("77", "gwen")
"""Somebody on no list; only a login service knows her."""
FLAG_ROLES = {"moderator": ("approver",), "trusted": ("requestor",), "of clip": ("approver:clip",)}


def flagged(
    members: tuple[Member, ...] = CONFIG.members, protected: tuple[Protection, ...] = (), **settings: Any
) -> DatasetConfig:
    return ruled(*protected, members=members, flag_roles=FLAG_ROLES, **settings)


def vouched(
    action: str,
    member: Member,
    change: Change | None,
    flag: str = "moderator",
    *,
    by: Member | None = ROBOT,
    config: DatasetConfig | None = None,
) -> Case:
    """A case of somebody of whom a service says that they have *flag*."""
    attested_by = by.actor if by is not None else None
    return case(action, member, change, config or flagged(), flags=(flag,), attested_by=attested_by)


BROKEN_AND_KEPT: list[tuple[str, Case, Case]] = [
    ("role.requestor", case("enqueue", NINA, asked(NINA)), case("enqueue", CAROL, asked(CAROL))),
    ("role.requestor", case("rebase", NINA, asked(NINA)), case("rebase", ARTHUR, asked(CAROL))),
    ("role.requestor", case("withdraw", NINA, asked(NINA)), case("withdraw", CAROL, asked(CAROL))),
    ("role.requestor", case("supersede", NINA, asked(NINA)), case("supersede", KAI, asked(CAROL))),
    ("role.requestor", case("enqueue", Member("9", "stranger"), asked()), case("enqueue", ROBOT, asked())),
    *(
        ("role.approver", case(action, CAROL, asked(ARTHUR)), case(action, KAI, asked(CAROL)))
        for action in policy.DECISIONS
    ),
    ("role.approver", case("approve", KAI, asked(CAROL, "blip")), case("approve", ARTHUR, asked(CAROL, "blip"))),
    ("role.approver", case("hold", KAI, asked(OLIVIA, POLICY)), case("hold", ARTHUR, asked(OLIVIA, POLICY))),
    *(("role.administrator", case(action, KAI), case(action, ARTHUR)) for action in ADMINISTRATIVE),
    ("role.administrator", case("import", ROBOT), case("import", OLIVIA)),
    ("role.owner", case("withdraw", ARTHUR, asked(CAROL)), case("withdraw", CAROL, asked(CAROL))),
    ("role.owner", case("rebase", ARTHUR, asked(CAROL), edits=True), case("rebase", CAROL, asked(CAROL), edits=True)),
    ("role.owner", case("rebase", CAROL, asked(ARTHUR)), case("rebase", KAI, asked(CAROL))),
    ("role.owner", case("rebase", KAI, asked(CAROL, "blip")), case("rebase", ARTHUR, asked(CAROL, "blip"))),
    ("role.owner", case("supersede", CAROL, asked(ARTHUR)), case("supersede", ARTHUR, asked(CAROL))),
    ("role.own_name", case("enqueue", CAROL, asked(NINA)), case("enqueue", KAI, asked(NINA))),
    ("role.own_name", case("enqueue", CAROL, asked(ARTHUR)), case("enqueue", ROBOT, asked(CAROL))),
    (
        "role.service",
        case("approve", ARTHUR, asked(), attested_by=CAROL.actor),
        case("approve", ARTHUR, asked(), attested_by=ROBOT.actor),
    ),
    (
        "role.service",
        case("approve", ARTHUR, asked(), attested_by=Actor("9", "stranger")),
        case("approve", ARTHUR, asked()),
    ),
    ("role.flags", vouched("approve", GUEST, asked(), by=None), vouched("approve", GUEST, asked())),
    ("role.flags", vouched("hold", GUEST, asked(), by=CAROL), vouched("hold", GUEST, asked())),
    ("role.flags", vouched("hold", GUEST, asked(), by=ARTHUR), vouched("hold", GUEST, asked())),
    ("role.approver", vouched("reject", GUEST, asked(), "trusted"), vouched("reject", GUEST, asked())),
    ("role.approver", vouched("approve", GUEST, asked(), "unheard of"), vouched("approve", CAROL, asked(ARTHUR))),
    (
        "role.approver",
        vouched("hold", GUEST, asked(CAROL, "blip"), "of clip"),
        vouched("hold", GUEST, asked(), "of clip"),
    ),
    ("role.administrator", vouched("layout", GUEST, None, "of clip"), vouched("layout", GUEST, None)),
    (
        "role.requestor",
        vouched("enqueue", GUEST, asked(GUEST), "unheard of"),
        vouched("enqueue", GUEST, asked(GUEST), "trusted"),
    ),
    ("review.two_people", vouched("approve", GUEST, asked(GUEST)), vouched("approve", GUEST, asked())),
    (
        "review.two_people",
        vouched("approve", CAROL, asked(CAROL), config=flagged((OLIVIA, CAROL, ROBOT))),
        vouched("approve", CAROL, asked(OLIVIA), config=flagged((OLIVIA, CAROL, ROBOT))),
    ),
    (
        "review.two_people",
        vouched("approve", GUEST, asked(GUEST), config=flagged((ROBOT,))),
        vouched("approve", GUEST, asked(GUEST), config=flagged((ROBOT,), two_person_review=False)),
    ),
    (
        "protected.approver",
        vouched("approve", GUEST, asked(), config=flagged(protected=(CLIP_RECORD,))),
        vouched("approve", GUEST, asked(), config=flagged(protected=(replace(CLIP_RECORD, approvers=("77",)),))),
    ),
    ("review.two_people", case("approve", ARTHUR, asked(ARTHUR)), case("approve", OLIVIA, asked(ARTHUR))),
    (
        "review.two_people",
        case("approve", ARTHUR, asked(ARTHUR)),
        case("approve", ARTHUR, asked(ARTHUR), ruled(two_person_review=False)),
    ),
    (
        "review.two_people",
        case("approve", OLIVIA, asked(OLIVIA), ruled(members=(*ONLY_OLIVIA, KAI))),
        case("approve", OLIVIA, asked(OLIVIA, "blip"), ruled(members=(*ONLY_OLIVIA, KAI))),
    ),
    (
        "review.two_people",
        case("approve", ARTHUR, asked(CAROL, enqueued_by="3")),
        case("approve", ARTHUR, asked(CAROL, enqueued_by="5")),
    ),
    (
        "review.two_people",
        case(
            "approve", replace(OLIVIA, id="8"), asked(OLIVIA), ruled(members=(OLIVIA, ARTHUR, replace(OLIVIA, id="8")))
        ),
        case(
            "approve", replace(ARTHUR, id="8"), asked(OLIVIA), ruled(members=(OLIVIA, ARTHUR, replace(ARTHUR, id="8")))
        ),
    ),
    (
        "review.two_people",
        case("approve", ARTHUR, asked(CAROL, enqueued_by="8"), RUN_BY_ARTHUR),
        case("approve", ARTHUR, asked(CAROL, enqueued_by="5"), RUN_BY_ARTHUR),
    ),
    (
        "review.no_service",
        case("approve", MACHINE, asked(), WITH_MACHINE),
        case("reject", MACHINE, asked(), WITH_MACHINE),
    ),
    ("review.approvals", case("apply", OLIVIA, ready(CAROL)), case("apply", OLIVIA, ready(CAROL, ARTHUR))),
    ("review.approvals", case("apply", OLIVIA, ready(ARTHUR, ARTHUR)), case("apply", ARTHUR, ready(ARTHUR, OLIVIA))),
    (
        "review.approvals",
        case("apply", OLIVIA, ready(CAROL, KAI), ruled(members=(OLIVIA, CAROL, ARTHUR))),
        case("apply", OLIVIA, ready(CAROL, KAI)),
    ),
    (
        "review.approvals",
        case("apply", OLIVIA, ready(CAROL, ARTHUR), ruled(approvals=2)),
        case("apply", OLIVIA, ready(CAROL, ARTHUR, OLIVIA), ruled(approvals=2)),
    ),
    (
        "review.approvals",
        case("apply", OLIVIA, ready(CAROL, ARTHUR), ruled(Protection("clip", approvals=2))),
        case("apply", OLIVIA, ready(CAROL, ARTHUR), ruled(Protection("blip", approvals=2))),
    ),
    (
        "review.critical",
        case("apply", OLIVIA, ready(CAROL, ARTHUR), CRITICAL, hash_and_name),
        case("apply", OLIVIA, ready(CAROL, ARTHUR, OLIVIA), CRITICAL, hash_and_name),
    ),
    (
        "review.critical",
        case("apply", OLIVIA, ready(CAROL, ARTHUR), CRITICAL, hash_and_name),
        case("apply", OLIVIA, ready(CAROL, ARTHUR), CRITICAL, nothing),
    ),
    (
        "review.critical",
        case("apply", OLIVIA, ready(CAROL, ARTHUR), CRITICAL, hash_and_name),
        case("apply", OLIVIA, LOOKED_TWICE, CRITICAL, hash_and_name),
    ),
    (
        "review.critical",
        case("apply", OLIVIA, LOOKED_TWICE, BY_SECOND, hash_and_name),
        case("apply", OLIVIA, ready(CAROL, ARTHUR, OLIVIA), BY_SECOND, hash_and_name),
    ),
    (
        "protected.requestor",
        case("enqueue", CAROL, asked(CAROL), ruled(HASHES), hash_and_name),
        case("enqueue", OLIVIA, asked(OLIVIA), ruled(HASHES), hash_and_name),
    ),
    (
        "protected.requestor",
        case("rebase", CAROL, asked(CAROL), ruled(HASHES), hash_and_name),
        case("rebase", CAROL, asked(CAROL), ruled(HASHES), nothing),
    ),
    (
        "protected.requestor",
        case("enqueue", CAROL, asked(CAROL), ruled(CLIP_RECORD)),
        case("enqueue", CAROL, asked(CAROL), ruled(OTHERS_RECORD)),
    ),
    (
        "protected.approver",
        case("approve", OLIVIA, asked(), ruled(HASHES), hash_and_name),
        case("approve", ARTHUR, asked(), ruled(HASHES), hash_and_name),
    ),
    (
        "protected.approver",
        case("approve", ARTHUR, asked(), ruled(CLIP_RECORD)),
        case("approve", ARTHUR, asked(), ruled(OTHERS_RECORD)),
    ),
]


def rules_of(one: Case) -> list[str]:
    return [refusal.rule for refusal in judge(one)]


@pytest.mark.parametrize(("rule", "broken", "kept"), BROKEN_AND_KEPT)
def test_a_rule_refuses_the_case_that_breaks_it_alone_and_allows_the_one_that_keeps_it(
    rule: str, broken: Case, kept: Case
) -> None:
    assert rule in rules_of(broken)
    assert rules_of(kept) == []
    for refusal in judge(broken):
        assert refusal.message
        assert refusal.as_json()["change_id"] == (broken.change.change_id if broken.change else None)


def test_every_rule_has_a_case_that_breaks_it_and_one_that_keeps_it() -> None:
    assert {rule for rule, _, _ in BROKEN_AND_KEPT} == {rule.id for rule in policy.RULES}


def test_rules_have_distinct_ids_and_a_sentence() -> None:
    assert len({rule.id for rule in policy.RULES}) == len(policy.RULES)
    for rule in policy.RULES:
        assert rule.text[0].isupper()
        assert rule.text.endswith(".")


def test_a_refusal_lists_every_rule_that_failed() -> None:
    both = case("approve", CAROL, asked(CAROL), ruled(CLIP_RECORD))
    assert rules_of(both) == ["role.approver", "review.two_people", "protected.approver"]


@pytest.mark.parametrize(
    ("field", "touches"),
    [
        ("sha256sum", True),
        ("description", True),
        ("download", True),
        ("sha256", False),
        ("/config", True),
        ("/config/download/*/sha256sum", True),
        ("/config/download/1/sha256sum", False),
        ("/*/download", True),
        ("/download", False),
        ("/config/download/0/sha256sum/more", False),
        ("/description", True),
    ],
)
def test_a_protected_field_is_a_pointer_with_stars_or_the_name_of_a_member_at_any_depth(
    field: str, touches: bool
) -> None:
    config = ruled(Protection(field=field))
    assert bool(policy.protections_of(config, asked(), hash_and_name)) is touches


def test_the_escapes_of_a_pointer_are_read() -> None:
    config = ruled(Protection(field="/a~1b/~01"))
    assert policy.protections_of(config, asked(), lambda _: Facts((("a/b", "~1"),)))


def test_facts_are_asked_for_only_where_a_rule_needs_them() -> None:
    def never(_: Change) -> Facts:
        raise AssertionError

    assert judge(case("approve", ARTHUR, asked(), facts_of=never)) == []
    assert judge(case("apply", OLIVIA, ready(CAROL, ARTHUR), facts_of=never)) == []


def test_an_approver_who_also_serves_as_a_machine_is_nobody_else() -> None:
    change = asked(OLIVIA)
    assert judge(case("approve", OLIVIA, change, WITH_MACHINE)) == []
    assert policy.is_sole_approver(WITH_MACHINE, OLIVIA.actor, change, nothing)
    assert policy.counted(WITH_MACHINE, asked(CAROL, "clip", MACHINE), nothing) == []


def test_who_asked_by_an_email_alone_is_the_member_who_has_it() -> None:
    mallory = Member("Olivia@People.example", "mallory")
    config = ruled()
    assert policy.same_person(config, mallory.id, OLIVIA.id)
    assert not policy.same_person(config, mallory.id, ARTHUR.id)
    assert not policy.same_person(config, "nobody@people.example", "nobody@elsewhere.example")
    assert rules_of(case("approve", OLIVIA, asked(mallory), config)) == ["review.two_people"]
    assert rules_of(case("withdraw", OLIVIA, asked(mallory), config)) == []


def test_a_service_supersedes_what_it_put_into_the_queue_and_nothing_else() -> None:
    assert rules_of(case("supersede", ROBOT, asked(CAROL, enqueued_by=ROBOT.id))) == []
    for by in (None, ARTHUR.id):
        assert rules_of(case("supersede", ROBOT, asked(CAROL, enqueued_by=by))) == ["role.owner"]
    assert rules_of(case("supersede", CAROL, asked(ARTHUR, enqueued_by=CAROL.id))) == ["role.owner"]


def test_with_nobody_for_a_second_look_the_only_approver_looks_twice() -> None:
    two = ruled(members=(OLIVIA, CAROL, ARTHUR), ack_critical=SECOND)
    once, twice = (ready(ARTHUR, approvals=(approval(OLIVIA, acknowledged=flag),)) for flag in (False, True))
    (refusal,) = policy.missing(two, once, hash_and_name)
    assert (refusal.rule, "--ack-critical" in refusal.message) == (policy.CRITICAL, True)
    assert policy.missing(two, twice, hash_and_name) == []
    (refusal,) = policy.missing(two, replace(twice, requested_by="2"), hash_and_name)
    assert (refusal.rule, "--ack-critical" in refusal.message) == (policy.CRITICAL, False)


# --- what holds for any policy ---------------------------------------------------------------------------------------

IDS = ("1", "2", "3", "4")
roles = st.lists(
    st.sampled_from(["requestor", "approver", "approver:clip", "approver:blip", "service"]), unique=True, max_size=2
)
marks = st.lists(st.sampled_from(["a@x.example", "b@x.example", "c@x.example"]), unique=True, max_size=1)
keys = st.lists(st.sampled_from(["ssh-ed25519 A one", "ssh-ed25519 A two", "ssh-ed25519 B"]), unique=True, max_size=1)
people = st.lists(st.sampled_from(IDS), unique=True, max_size=2).map(tuple)


@st.composite
def members(draw: st.DrawFn, *, distinct: bool = False) -> tuple[Member, ...]:
    made = []
    for ident in IDS[: draw(st.integers(1, 4))]:
        more = ((), ()) if distinct else (tuple(draw(marks)), tuple(draw(keys)))
        made.append(Member(ident, f"m{ident}", *more, tuple(draw(roles))))
    return tuple(made)


protections = st.builds(
    Protection,
    category=st.sampled_from([None, "clip", POLICY]),
    name=st.sampled_from([None, "x"]),
    field=st.sampled_from([None, "sha256sum"]),
    requestors=people,
    approvers=people,
    approvals=st.integers(1, 3),
)


@st.composite
def configs(draw: st.DrawFn) -> DatasetConfig:
    settings = Policy(
        two_person_review=draw(st.booleans()),
        approvals=draw(st.integers(1, 3)),
        ack_critical=draw(st.sampled_from([False, True, SECOND])),
        protected=tuple(draw(st.lists(protections, max_size=2))),
    )
    return DatasetConfig(draw(members()), CATEGORIES, settings)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    given = [
        GivenApproval(ident, f"m{ident}#{ident}", 100, draw(st.booleans()))
        for ident in draw(st.lists(st.sampled_from((*IDS, "9")), unique=True, max_size=5))
    ]
    by = draw(st.sampled_from((*IDS, "9")))
    change = asked(Member(by, f"m{by}"), draw(st.sampled_from(["clip", "blip", POLICY])))
    enqueued_by = draw(st.none() | st.sampled_from(IDS))
    return replace(change, approvals=tuple(given), enqueued_by=enqueued_by if enqueued_by != by else None)


facts = st.sampled_from([nothing, hash_and_name])


@given(configs(), changes(), facts)
def test_the_approvals_that_count_are_one_a_person_and_all_of_approvers(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf
) -> None:
    found = policy.counted(config, change, facts_of)
    assert set(found) <= set(change.approvals)
    for number, given_one in enumerate(found):
        member = config.member(given_one.by)
        assert member is not None
        assert member.approves(None if change.category == POLICY else change.category)
        assert not member.is_service
        for other in found[:number]:
            assert not policy.same_person(config, given_one.by, other.by)


@given(configs(), changes(), facts)
def test_whoever_asked_counts_for_nothing_while_anybody_else_could_approve(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf
) -> None:
    askers = policy.askers_of(config, change)
    own = [
        given_one
        for given_one in policy.counted(config, change, facts_of)
        if any(policy.same_person(config, given_one.by, asker) for asker in askers)
    ]
    if config.policy.two_person_review and policy.eligible(config, change, facts_of):
        assert own == []
    for given_one in own if config.policy.two_person_review else ():
        assert policy.is_sole_approver(config, Actor(given_one.by, "x"), change, facts_of)


@given(configs(), changes(), facts)
def test_an_approval_that_the_rules_allow_counts_and_one_that_counts_is_allowed(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf
) -> None:
    for member in config.members:
        allowed = not judge(Case(config, member.actor, "approve", change, facts_of))
        alone = replace(change, approvals=(GivenApproval(member.id, str(member.actor), 100),))
        assert allowed == bool(policy.counted(config, alone, facts_of)), member
        if policy.is_sole_approver(config, member.actor, change, facts_of):
            assert allowed, "a sole approver is an approver"


@given(configs(), changes(), facts, st.data())
def test_one_more_approver_never_lets_anybody_approve_what_they_asked_for(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf, data: st.DataObject
) -> None:
    more = replace(config, members=(*config.members, Member("8", "m8", roles=data.draw(roles.map(tuple)))))
    for member in config.members:
        before = rules_of(Case(config, member.actor, "approve", change, facts_of))
        after = rules_of(Case(more, member.actor, "approve", change, facts_of))
        assert set(before) <= set(after), "only a new refusal can come"
        if policy.is_sole_approver(more, member.actor, change, facts_of):
            assert policy.is_sole_approver(config, member.actor, change, facts_of)


@given(configs(), changes(), facts, st.sampled_from(IDS))
def test_one_more_approval_never_takes_away_what_was_enough(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf, by: str
) -> None:
    more = replace(change, approvals=(*change.approvals, GivenApproval(by, f"m{by}#{by}", 101)))
    if not policy.missing(config, change, facts_of):
        assert not policy.missing(config, more, facts_of)


@given(configs(), changes(), facts)
def test_an_apply_is_refused_exactly_for_what_is_missing(
    config: DatasetConfig, change: Change, facts_of: policy.FactsOf
) -> None:
    approved = replace(change, status=APPROVED)
    judged = {item.rule for item in judge(Case(config, Actor("1", "m1"), "apply", approved, facts_of))}
    wanted = {item.rule for item in policy.missing(config, approved, facts_of)}
    assert judged - {"role.approver"} == wanted


def by_guest(member: Member, *flags: str, acknowledged: bool = False) -> GivenApproval:
    return replace(approval(member, acknowledged=acknowledged), flags=flags)


def lacks(change: Change, config: DatasetConfig) -> list[str]:
    return [item.rule for item in policy.missing(config, change, nothing)]


def test_a_guests_approval_counts_by_the_mapping_of_the_moment() -> None:
    change = ready(CAROL, approvals=(by_guest(GUEST, "moderator"),))
    assert lacks(change, flagged()) == []
    assert lacks(change, CONFIG) == [policy.ENOUGH]
    assert lacks(change, ruled(flag_roles={"moderator": ("approver:blip",)})) == [policy.ENOUGH]
    assert lacks(ready(CAROL, approvals=(by_guest(GUEST, "trusted"),)), flagged()) == [policy.ENOUGH]
    assert lacks(ready(CAROL, approvals=(by_guest(GUEST),)), flagged()) == [policy.ENOUGH]


def test_a_guests_approval_counts_once_and_besides_a_members() -> None:
    two = flagged(approvals=2)
    assert lacks(ready(CAROL, approvals=(by_guest(GUEST, "moderator"), approval(ARTHUR))), two) == []
    assert lacks(ready(CAROL, approvals=(by_guest(GUEST, "moderator"),) * 2), two) == [policy.ENOUGH]
    assert lacks(ready(CAROL, approvals=(by_guest(ARTHUR, "moderator"), approval(ARTHUR))), two) == [policy.ENOUGH]


def test_a_guests_approval_of_what_they_asked_for_never_counts_under_two_person_review() -> None:
    own = ready(GUEST, approvals=(by_guest(GUEST, "moderator"),))
    for config in (flagged(), flagged((ROBOT,)), flagged((OLIVIA, ROBOT))):
        assert lacks(own, config) == [policy.ENOUGH]
    assert lacks(own, flagged(two_person_review=False)) == []
    queued_by = ready(CAROL, enqueued_by=GUEST.id, approvals=(by_guest(GUEST, "moderator"),))
    assert lacks(queued_by, flagged()) == [policy.ENOUGH]


def test_a_protection_by_ids_holds_for_guests() -> None:
    change = ready(CAROL, approvals=(by_guest(GUEST, "moderator"),))
    assert lacks(change, flagged(protected=(CLIP_RECORD,))) == [policy.ENOUGH]
    assert lacks(change, flagged(protected=(replace(CLIP_RECORD, approvers=("77",)),))) == []


def test_who_approves_alone_is_told_by_the_listed_members() -> None:
    alone = flagged((OLIVIA, CAROL, ROBOT))
    assert policy.is_sole_approver(alone, OLIVIA.actor, asked(OLIVIA), nothing)
    assert lacks(ready(OLIVIA, OLIVIA), alone) == []
    assert not policy.is_sole_approver(alone, GUEST.actor, asked(GUEST), nothing)
    assert not policy.is_sole_approver(alone, CAROL.actor, asked(CAROL), nothing)
    assert lacks(ready(OLIVIA, approvals=(by_guest(GUEST, "moderator"),)), alone) == []


def test_a_service_approves_nothing_by_flags_either() -> None:
    assert rules_of(vouched("approve", ROBOT, asked())) == ["review.no_service"]
    assert lacks(ready(CAROL, approvals=(by_guest(ROBOT, "moderator"),)), flagged()) == [policy.ENOUGH]


@given(
    st.sampled_from(sorted({*policy.DECISIONS, *ADMINISTRATIVE, "enqueue", "rebase", "supersede"})),
    st.sampled_from(sorted(FLAG_ROLES)),
    st.sampled_from(["clip", "blip", POLICY]),
    st.booleans(),
)
def test_a_guest_may_what_a_member_with_those_roles_may(action: str, flag: str, category: str, own: bool) -> None:
    listed = replace(GUEST, roles=FLAG_ROLES[flag])
    change = asked(GUEST if own else CAROL, category)
    as_guest = vouched(action, GUEST, change, flag)
    as_member = case(action, GUEST, change, flagged((*CONFIG.members, listed)), attested_by=ROBOT.actor)
    assert rules_of(as_guest) == rules_of(as_member)
