"""The proposals that one step drafts, each judged against the dataset and what the step has drafted before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from modelref_git.operations.context import Person
from modelref_git.operations.drafting import Draft, Request, draft
from modelref_git.proposals.events import DELETE, Proposal
from modelref_git.records.quality.others import Overlaid
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.lookup import open_lookup
from modelref_git.store.step import Step


class Drafts:
    """Drafts in the order in which they were added."""

    def __init__(
        self, step: Step, dataset: DatasetTree, person: Person, others: Overlaid, leaving: Iterable[tuple[str, str]]
    ) -> None:
        self.made: list[Draft] = []
        self._step = step
        self._dataset = dataset
        self._person = person
        self._others = others
        self._leaving = set(leaving)

    def add(self, request: Request) -> Draft:
        """Draft *request*. Raises as :func:`.drafting.draft`, and then keeps nothing of it."""
        return self._keep(draft(self._step, self._dataset, self._person, request, self._leaving, self._others))

    def admit(self, proposal: Proposal, allow: tuple[str, ...] = ()) -> Draft:
        """Take in a proposal whose commit was made elsewhere. Raises as :func:`.admitting.admitted`."""
        from modelref_git.operations.admitting import admitted

        made = admitted(self._step, self._dataset, self._person, proposal, allow, self._leaving, self._others)
        return self._keep(made)

    def _keep(self, made: Draft) -> Draft:
        proposal = made.proposal
        if proposal.operation == DELETE:
            self._leaving.add((proposal.category, proposal.name))
        if (proposal.category, proposal.name) not in self._others:
            self._others.put(proposal.category, proposal.name, made.record)
        self.made.append(made)
        return made


@contextlib.contextmanager
def drafting(
    step: Step, dataset: DatasetTree, person: Person, leaving: Iterable[tuple[str, str]] = ()
) -> Iterator[Drafts]:
    """Where a step drafts its proposals.

    *leaving* are records, by category and name, that the step will propose to delete: what takes the name of one by
    another letter case may be drafted before.
    """
    with open_lookup(step.store, dataset) as below:
        yield Drafts(step, dataset, person, Overlaid(below), leaving)
