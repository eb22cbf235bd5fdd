"""The rule of pictures on a server: each that comes with a push can really be shown.

Verification reads containers alone, so that its verdict never changes; what comes in is decoded besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelref_git.errors import Invalid
from modelref_git.operations.guarding.guard import Guard
from modelref_git.operations.picture_files import accepted, files_of, judged
from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Fault
from modelref_git.proposals import events
from modelref_git.store.dataset import added_pictures


def _decoded(case: EventCase) -> Iterator[Fault]:
    for one in case.asked:
        yield from _faults(case, one.commit.id, one.proposal.pictures, one.change_id)
    event = case.event
    main = event.stranger if event.action == events.ADOPT else event.main
    if event.action in (events.INIT, events.IMPORT, events.ADOPT) and main is not None:
        before = case.dataset.tree if case.dataset is not None else None
        added = added_pictures(case.objects, before, case.objects.read_commit(main).tree)
        yield from _faults(case, main, added, None)


def _faults(case: EventCase, commit: str, names: Iterable[str], change_id: int | None) -> Iterator[Fault]:
    for name, blob in files_of(case.objects, commit, names).items():
        try:
            judged(case.objects, blob, name)
        except Invalid:
            continue  # told by the rules of verification
        try:
            accepted(case.objects.read_blob(blob), name)
        except Invalid as fault:
            yield Fault(f"the picture {name}: {fault.details[0]['message']}", commit, change_id)


RULES: Final[tuple[Guard[EventCase], ...]] = (
    Guard(
        "hook.picture",
        "Every picture that comes in can be decoded.",
        _decoded,
        "save the picture anew with another program, and propose that; the server needs `modelref-git[pictures]`",
    ),
)
"""What each new event is judged by, besides what verification asks of it."""
