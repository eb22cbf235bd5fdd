"""Rules of ``main``: what moves it without a batch is made by those who may, and does what its kind does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from modelref_git.operations.adopt import adopted_changes, adoption_problems, strange_commits
from modelref_git.operations.merging import record_of
from modelref_git.operations.picture_files import arriving_problems
from modelref_git.operations.policy_checks import changed_schemas, non_canonical
from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.records import look_alike_faults, record_faults
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import events, policy
from modelref_git.proposals.policy import Case, Refusal
from modelref_git.proposals.queue import GivenApproval
from modelref_git.proposals.reachable import config_problems
from modelref_git.records.json_text import same
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.state import StoredQueue
from modelref_git.store.trees import Entry, compare


def _parents(case: EventCase) -> Iterator[Fault]:
    event = case.event
    if event.action not in events.ADMINISTRATIVE or event.main is None or event.action == events.ADOPT:
        return
    before = [case.before.header.main] if case.before.header.main is not None else []
    wanted = [*before, event.stranger] if event.action == events.DISOWN else before
    if list(case.objects.read_commit(event.main).parents) != wanted:
        yield Fault(f"the commit {event.main} of main is not made onto where main was", event.main)


def _init(case: EventCase) -> Iterator[Fault]:
    event = case.event
    if event.action == events.INIT and event.main is not None:
        made = DatasetTree.at(case.objects, event.main)
        problems = config_problems(made.config)
        yield from (Fault(problem.message, event.main) for problem in problems)
        yield from _new_records(case, None, made)


def _import(case: EventCase) -> Iterator[Fault]:
    event, before = case.event, case.dataset
    if event.action != events.IMPORT or event.main is None or before is None:
        return
    after = DatasetTree.at(case.objects, event.main)
    for path, old, _ in _touched(case, before, after):
        found = layout.record_of(path)
        if found is not None and found[0] in before.config.categories and before.count(found[0]):
            yield Fault(f"{path} is of the category {found[0]}, which had records", event.main)
        elif found is None and path.startswith(f"{layout.LEGACY}/") and old is not None:
            yield Fault(f"{path} was there before", event.main)
        elif layout.picture_of(path) is not None:
            pass  # a rule of its own
        elif not path.startswith((f"{layout.DATASET}/", f"{layout.LEGACY}/")) and path != layout.CONFIG:
            yield Fault(f"an import changes {path}", event.main)
    if _settings(before) != _settings(after):
        yield Fault(f"an import changes more of {layout.CONFIG} than how folders are split", event.main)
    yield from _new_records(case, before, after)


def _pictures(case: EventCase) -> Iterator[Fault]:
    event, before = case.event, case.dataset
    if event.action in (events.INIT, events.IMPORT) and event.main is not None:
        after = DatasetTree.at(case.objects, event.main)
        for problem in arriving_problems(before, after, _touched(case, before, after)):
            yield Fault(f"{problem.message} at {problem.path} ({problem.rule})", event.main)


def _new_records(case: EventCase, before: DatasetTree | None, after: DatasetTree) -> Iterator[Fault]:
    """What is wrong with records that come to main without a proposal."""
    files = list(_files(case, before, after))
    yield from (Fault(text, after.commit) for text in record_faults(after, files))
    keys = {layout.record_of(path) for path, _ in files}
    for category in sorted({key[0] for key in keys if key is not None} & after.config.categories.keys()):
        yield from (Fault(text, after.commit) for text in look_alike_faults(after, category))


def _in_form(case: EventCase) -> Iterator[Fault]:
    """After a change of schemas that leaves records in another form, a layout comes at once."""
    if case.event.action != events.LAYOUT and case.parent is not None:
        yield from out_of_form(case.objects, case.parent)


def out_of_form(objects: ObjectBuffer, event: Commit) -> Iterator[Fault]:
    """What an event that applied a change of schemas left for a layout to do; nothing for any other event."""
    if not event.parents or event.subject.partition(":")[0] != events.APPLY:
        return
    trees = (objects.read_commit(event.parents[0]).tree, event.tree)
    mains = [StoredQueue(objects, tree).header.main or "" for tree in trees]
    before, after = (DatasetTree.at(objects, main) for main in mains)
    for category in changed_schemas(before, after):
        for name, _ in islice(non_canonical(after, category), 1):
            text = f"the new schema of {category} writes {name!r} in another form, and no layout followed"
            yield Fault(text, event.id)


def _layout(case: EventCase) -> Iterator[Fault]:
    event, before = case.event, case.dataset
    if event.action != events.LAYOUT or event.main is None or before is None:
        return
    after = DatasetTree.at(case.objects, event.main)
    for path, _, _ in _touched(case, before, after):
        if path != layout.CONFIG and not path.startswith(f"{layout.DATASET}/"):
            yield Fault(f"a change of layout changes {path}", event.main)
    if _settings(before) != _settings(after):
        yield Fault(f"it changes more of {layout.CONFIG} than how folders are split", event.main)
    for (category, name), (old, new) in changed_records(case.objects, before.tree, after.tree).items():
        if old is None or new is None or not same(record_of(case.objects, old), record_of(case.objects, new)):
            yield Fault(f"a change of layout changes the record {name!r} of {category}", event.main)
    yield from (Fault(text, event.main) for text in record_faults(after, _files(case, before, after)))


def _disown(case: EventCase) -> Iterator[Fault]:
    event, before = case.event, case.dataset
    if event.action == events.DISOWN and event.main is not None and before is not None:
        found = case.objects.read_commit(event.main).tree
        if found != before.tree:
            yield Fault("what is disowned leaves something behind: the tree is not that of before", event.main)


def _adopt(case: EventCase) -> Iterator[Fault]:
    event, before = case.event, case.dataset
    if event.action != events.ADOPT or event.stranger is None or before is None or before.commit is None:
        return
    if case.mains.holds(event.stranger):
        yield Fault(f"{event.stranger} was on main before: there is nothing to adopt", event.stranger)
        return
    first_parents = case.mains.since(event.stranger)
    if case.objects.read_commit(first_parents[-1]).parents[:1] != (before.commit,):
        yield Fault(f"{event.stranger} does not continue main along its first parents", event.stranger)
        return
    after = DatasetTree.at(case.objects, event.stranger)
    yield from (Fault(problem.message, event.stranger) for problem in adoption_problems(before, after))
    yield from _adoption_faults(case, before, after)


def _adoption_faults(case: EventCase, before: DatasetTree, after: DatasetTree) -> Iterator[Fault]:
    event, config = case.event, before.config
    strangers = list(strange_commits(case.store, event.stranger or "", before.commit or ""))
    changes = adopted_changes(before, after, strangers, event.time)
    refused: dict[Refusal, None] = {}
    for change in changes:
        judged = Case(
            config,
            event.actor,
            events.APPROVE,
            change,
            case.facts_of,
            attested_by=event.attested_by,
            flags=event.flags,
        )
        refused |= {replace(item, change_id=None): None for item in policy.judge(judged)}
    yield from (Fault(item.message, rule=item.rule) for item in refused)
    given = [GivenApproval.from_state(row) for row in case.before.header.adopting.get(event.stranger or "", ())]
    mine = GivenApproval(event.actor.id, str(event.actor), event.time, acknowledged=True, flags=event.flags)
    lacking = [item for change in changes for item in policy.missing(config, change, case.facts_of, [*given, mine])]
    if event.main is not None and lacking:
        yield Fault(f"it is adopted without what it needs: {lacking[0].message}")
    elif event.main is None and not lacking:
        yield Fault("it has all the approvals that it needs, and is not adopted")


def _touched(case: EventCase, before: DatasetTree | None, after: DatasetTree) -> list[tuple[str, Any, Any]]:
    return list(compare(case.objects, before.tree if before is not None else None, after.tree))


def _files(case: EventCase, before: DatasetTree | None, after: DatasetTree) -> Iterator[tuple[str, Entry | None]]:
    for path, _, new in _touched(case, before, after):
        if path.startswith(f"{layout.DATASET}/"):
            yield path, new


def _settings(dataset: DatasetTree) -> dict[str, Any]:
    """What the configuration says, but for how folders are split."""
    document = tomllib.loads(dataset.config_bytes.decode())
    for row in document.get("categories", {}).values():
        row.pop("fan_out", None)
    return document


FORM: Final = "main.form"

RULES: Final = (
    Rule("main.parents", "What moves main without a batch is one commit on top of it.", _parents),
    Rule("main.init", "The first dataset is one that can be lived with, of valid records.", _init),
    Rule("main.import", "An import brings valid records into empty categories, and nothing else.", _import),
    Rule(
        "main.pictures",
        "Pictures that come with a first dataset or an import are sound, and named by its records; none is missing.",
        _pictures,
    ),
    Rule("main.layout", "A change of layout changes no value of any record.", _layout),
    Rule(FORM, "Records are in the form of their schema; a new schema is followed by a layout.", _in_form),
    Rule("main.adopt", "What is adopted continues main, is valid, and has the approvals that it needs.", _adopt),
    Rule("main.disown", "What is disowned leaves the dataset as it was.", _disown),
)
