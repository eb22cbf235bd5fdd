"""Init: a new dataset repository, with the schemas of all fifteen categories and, if wanted, the starter dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from modelref_git import workflows
from modelref_git.errors import Conflict, NotFound, UsageFault
from modelref_git.proposals import config_edit, trailers
from modelref_git.proposals.actors import APPROVER, REQUESTOR, Actor, Member
from modelref_git.proposals.events import INIT, Event
from modelref_git.records import shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.quality import catalogue
from modelref_git.store import drivers, layout, writing
from modelref_git.store.git import GitStore, user_config
from modelref_git.store.step import Clock, Step
from modelref_git.store.trees import TreeEditor

ATTRIBUTES: Final = b"dataset/** text eol=lf merge=modelref\n"


def init_repository(
    path: Path,
    *,
    bare: bool = False,
    empty: bool = False,
    with_ci: bool = False,
    owner: str | None = None,
    email: str | None = None,
    dry_run: bool = False,
    clock: Clock = writing.wall_clock,
    warn: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Make a dataset repository at *path*; answers where it is and where its branches are.

    Args:
        path: a folder; it is made if it is not there, and becomes a Git repository if it is none.
        bare: without a work tree.
        empty: without the starter dataset.
        with_ci: with the workflows that a CI of GitHub's kind runs for it.
        owner: the first approver, ``name#id``; git's ``user.name`` with the id 1 unless given.
        email: the owner's; git's ``user.email`` unless given.
        dry_run: only say what would be done.
        clock: Unix seconds.
        warn: told what could not be brought along.

    Raises:
        Conflict: the folder holds a dataset repository, or a branch ``main``, already.
        UsageFault: no owner is given, and git has none configured.
        WrongState: git's configuration of the repository cannot be written.
    """
    existing = _existing(path)
    member = _owner(existing, owner, email)
    if dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            there = Path(scratch) / "dataset"
            answer = init_repository(
                there, bare=bare, empty=empty, with_ci=with_ci, owner=owner, email=email, clock=clock
            )
        return {**answer, "path": str(path.absolute())}
    store = existing or GitStore.create(path, bare=bare)
    drivers.set_drivers(store)
    files = dict(_files(member, empty=empty, with_ci=with_ci))

    def decide(step: Step) -> dict[str, Any]:
        if step.start is not None:
            raise Conflict(f"{path} holds a dataset repository already")
        editor = TreeEditor(step.objects, None)
        for where, data in files.items():
            editor.put(where, step.objects.add("blob", data))
        records = sum(1 for where in files if layout.record_of(where) is not None)
        headline = f"dataset repository with {records} records"
        message = trailers.message(f"{INIT}: {headline}", (), [("Actor", str(member.actor))])
        author = step.author(member.actor, member.emails[0] if member.emails else "")
        main = step.commit(editor.write(), (), author, message)
        event = Event(INIT, member.actor, 0, 0, main=main, headline=headline)
        step.append(event, keeps=[main], email=author.email)
        return {"path": str(path.absolute()), "main": main, "queue": step.head, "records": records}

    return writing.write(store, decide, clock=clock, new=True, warn=warn)


def _existing(path: Path) -> GitStore | None:
    """The repository whose top is *path* itself; one that it merely lies in does not count.

    Raises:
        Conflict: a dataset repository cannot be made there.
    """
    if path.exists() and not path.is_dir():
        raise Conflict(f"{path} is a file")
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir()
    if not bare and not (path / ".git").exists():
        return None
    try:
        store = GitStore.open(path, upward=False)
    except NotFound as fault:
        raise Conflict(f"{path} holds something of Git's that cannot be opened as a repository") from fault
    if store.is_dataset:
        raise Conflict(f"{path} holds a dataset repository already")
    if store.refs.read(layout.MAIN) is not None:
        raise Conflict(f"{path} has a branch main already", hint="make the dataset repository in a folder of its own")
    return store


def _owner(store: GitStore | None, owner: str | None, email: str | None) -> Member:
    """The first approver; nothing is made before it is known."""
    config = store.config if store is not None else user_config
    name = config("user.name")
    address = email or config("user.email")
    if owner is None and not name:
        raise UsageFault(
            "the dataset needs an owner, and git has no user.name",
            hint="say it with --owner NAME#ID --email E, or set git's user.name and user.email",
        )
    actor = Actor.parse(owner) if owner is not None else Actor("1", name or "")
    return Member(actor.id, actor.name, (address,) if address else (), (), (REQUESTOR, APPROVER))


def _files(owner: Member, *, empty: bool, with_ci: bool) -> list[tuple[str, bytes]]:
    schemas = {name: layout.schema_path(name) for name in CATEGORIES}
    # Those that refuse. What the file does not name follows the program, which learns as mistakes are made.
    rules = {rule.id: rule.severity for rule in catalogue.RULES if rule.severity == "error"}
    files = [(layout.CONFIG, config_edit.initial(owner, schemas, rules)), (layout.ATTRIBUTES, ATTRIBUTES)]
    files += [(where, shipped.schema_bytes(name) or b"") for name, where in schemas.items()]
    if with_ci:
        files += workflows.github_files()
    if not empty:
        files += list(shipped.starter_files())
    return files
