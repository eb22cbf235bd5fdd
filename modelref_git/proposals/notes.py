"""Notes: what members remark on a record, and the acts of which the notes are the sum.

A note is no part of the dataset and no change of it: it has no number in the queue, and nobody reviews it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid, NotFound, UsageFault, WrongState
from modelref_git.proposals import policy, trailers
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.codec import decode, dumps
from modelref_git.records.names import check_category_name

ADD: Final = "add"
SET: Final = "set"
REMOVE: Final = "remove"
ACTIONS: Final = (ADD, SET, REMOVE)

TEXT_AT_MOST: Final = 10_000
"""Characters of a note."""
NOTES_AT_MOST: Final = 1_000
"""Notes on a record at a time."""

TRAILERS: Final = ("Note", "Category", "Name", "Note-Id", "Team", "Text", "Actor", "Attested-By", "Genesis")
"""The trailers of an act, in their order; those that say nothing are left out."""

_MEMBERS: Final = {"id": int, "by": str, "by_name": str, "at": int, "team": bool, "text": str, "edited_at": int}
"""The members of a note in its file, in their order; ``edited_at`` is left out of one that never was."""

_WORDS: Final = {ADD: "add to", SET: "set {} of", REMOVE: "remove {} from"}


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a record."""

    id: int
    """Counted per record from 1 on, never given twice."""
    by: str
    """The id of the member who wrote it."""
    by_name: str
    at: int
    """Unix seconds."""
    team: bool
    """Whether it is the team's, so that approvers keep it up to date too."""
    text: str
    edited_at: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The note as answers have it."""
        return {key: getattr(self, key) for key in _MEMBERS}

    @classmethod
    def of(cls, row: Any) -> Note:
        """The note that an entry of a file is.

        Raises:
            IntegrityFailure: it is none.
        """
        fits = isinstance(row, Mapping) and _MEMBERS.keys() - row.keys() <= {"edited_at"}
        if not fits or any(type(value) is not _MEMBERS.get(key) for key, value in row.items()):
            raise IntegrityFailure("a file of notes has an entry that is none")
        return cls(**row)


@dataclass(frozen=True, slots=True)
class Page:
    """The notes on one record, oldest first, and the number that the next one gets."""

    next: int = 1
    notes: tuple[Note, ...] = ()

    def find(self, note_id: int) -> Note:
        """The note of that number.

        Raises:
            NotFound: there is none, or none any more.
        """
        found = next((note for note in self.notes if note.id == note_id), None)
        if found is None:
            gone = 0 < note_id < self.next
            raise NotFound(
                f"the note {note_id} was removed" if gone else f"there is no note {note_id} on this record",
                hint="`modelref-git note list CATEGORY NAME` shows those there are"
                + (", with --history those there were" if gone else ""),
            )
        return found

    def own(self, ident: str) -> Note | None:
        """The newest note that the member *ident* wrote for themselves."""
        return next((note for note in reversed(self.notes) if note.by == ident and not note.team), None)

    @property
    def of_team(self) -> Note | None:
        """The newest note of the team."""
        return next((note for note in reversed(self.notes) if note.team), None)

    def encode(self) -> bytes:
        """The file: canonical JSON."""
        rows = [{key: value for key, value in note.as_json().items() if value is not None} for note in self.notes]
        return f"{dumps({'next': self.next, 'notes': rows})}\n".encode()

    @classmethod
    def decode(cls, data: bytes) -> Page:
        """The notes that a file holds.

        Raises:
            IntegrityFailure: it is no such file.
        """
        try:
            row = decode(data, what="the file of notes")
        except Invalid as error:
            raise IntegrityFailure(f"a file of notes is not readable: {error.message}") from error
        if row.keys() != {"next", "notes"} or type(row["next"]) is not int or not isinstance(row["notes"], list):
            raise IntegrityFailure("a file of notes has other members than `next` and `notes`")
        notes = tuple(Note.of(entry) for entry in row["notes"])
        numbers = [0, *(note.id for note in notes), row["next"]]
        if any(one >= other for one, other in pairwise(numbers)):
            raise IntegrityFailure("the numbers in a file of notes do not grow")
        return cls(row["next"], notes)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did with the notes on a record."""

    action: str
    category: str
    name: str
    note_id: int
    actor: Actor
    time: int
    """Unix seconds: that of its commit."""
    text: str | None = None
    """What the note says from now on; none where it is removed."""
    team: bool = False
    """Of a new note, whether it is the team's."""
    attested_by: Actor | None = None
    """The service that wrote it down in the actor's name."""
    genesis: str | None = None
    """The first commit of the dataset's queue log: an act belongs to one dataset."""

    @property
    def subject(self) -> str:
        """What happened, in one line."""
        return f"note: {_WORDS[self.action].format(self.note_id)} {self.category} {trailers.quoted(self.name)}"

    def message(self) -> str:
        """The commit message."""
        values = (
            self.action,
            self.category,
            self.name,
            str(self.note_id),
            "yes" if self.team else None,
            self.text,
            str(self.actor),
            None if self.attested_by is None else str(self.attested_by),
            self.genesis,
        )
        rows = zip(TRAILERS, values, strict=True)
        return trailers.message(self.subject, (), [(key, value) for key, value in rows if value is not None])

    @classmethod
    def decode(cls, commit: str, message: str, time: int) -> Act:
        """The act that a commit of the branch is.

        Raises:
            IntegrityFailure: it is none, or not written as acts are.
        """
        row = dict(trailers.read(message))
        try:
            act = cls(
                row["Note"],
                row["Category"],
                row["Name"],
                int(row["Note-Id"]),
                Actor.parse(row["Actor"]),
                time,
                row.get("Text"),
                row.get("Team") == "yes",
                Actor.parse(row["Attested-By"]) if "Attested-By" in row else None,
                row.get("Genesis"),
            )
            check_category_name(act.category)  # it becomes a part of a path
            if act.action in ACTIONS and act.message() == message:
                return act
        except (KeyError, ValueError, UsageFault, Invalid):
            pass
        raise IntegrityFailure(f"the commit {commit} of the branch notes is no act on a note")

    def on(self, page: Page) -> Page:
        """The notes on the record after the act.

        Raises:
            NotFound: the note is not there.
            UsageFault: the text is none that a note may have.
            WrongState: the record has as many notes as it may have.
            IntegrityFailure: a new note has not the next number, or a note that is removed a text.
        """
        if (self.text is None) != (self.action == REMOVE) or (self.team and self.action != ADD):
            raise IntegrityFailure(f"what is to {self.action} says too little or too much")
        if self.text is not None and check_text(self.text) != self.text:
            raise IntegrityFailure("the text of a note is not trimmed")
        if self.action == ADD:
            if self.note_id != page.next:
                raise IntegrityFailure(f"a new note has the number {self.note_id} instead of {page.next}")
            if len(page.notes) >= NOTES_AT_MOST:
                raise WrongState(f"this record has {NOTES_AT_MOST:,} notes, and no more fit", hint="remove some first")
            actor = self.actor
            note = Note(page.next, actor.id, actor.name, self.time, self.team, self.text or "")
            return Page(page.next + 1, (*page.notes, note))
        old = page.find(self.note_id)
        if self.action == REMOVE:
            return replace(page, notes=tuple(note for note in page.notes if note.id != old.id))
        new = replace(old, text=self.text or "", edited_at=self.time)
        return replace(page, notes=tuple(new if note.id == old.id else note for note in page.notes))

    def as_json(self, commit: str) -> dict[str, Any]:
        """The entry of a history; *commit* is the act's own."""
        return {
            "commit": commit,
            "action": self.action,
            "id": self.note_id,
            "by": self.actor.id,
            "by_name": self.actor.name,
            "at": self.time,
            "team": self.team,
            "text": self.text,
            "attested_by": None if self.attested_by is None else str(self.attested_by),
        }


def check_text(text: str | None) -> str:
    """The text of a note, trimmed.

    Raises:
        UsageFault: it is blank or too long, or holds half of a surrogate pair.
    """
    trimmed = (text or "").strip()
    if not trimmed:
        raise UsageFault("a note needs a text", hint="`modelref-git note remove CATEGORY NAME ID` removes one")
    if len(trimmed) > TEXT_AT_MOST:
        raise UsageFault(f"a note has at most {TEXT_AT_MOST:,} characters, this one has {len(trimmed):,}")
    if any("\ud800" <= char <= "\udfff" for char in trimmed):
        raise UsageFault("the text holds half of a surrogate pair, which is no character")
    return trimmed


def why_not(config: DatasetConfig, actor: Actor, member: Member | None, category: str, note: Note) -> str | None:
    """Why *actor* may not change *note*, which is on a record of *category*; ``None`` if they may.

    Whoever wrote it may, and of the team's notes every approver of the category.

    Args:
        config: who the members are.
        actor: who wants to.
        member: the member that they are, with all roles that they have.
        category: the record's category.
        note: the note as it is.
    """
    if policy.same_person(config, actor.id, note.by):
        return None
    if not note.team:
        return f"it is {note.by_name}#{note.by}'s"
    if member is None or not member.approves(category):
        return "it is the team's, whose notes their authors and approvers of the category change"
    return None
