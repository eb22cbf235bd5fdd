"""API keys of the HTTP service: made, listed, taken away and given another secret.

They are no part of the dataset: they stand in a file beside this repository, so nothing of them is a change in the
queue, and in a clone they are that clone's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Forbidden, NotFound, UsageFault
from modelref_git.operations.context import Context, Person
from modelref_git.proposals.actors import APPROVER
from modelref_git.proposals.config import DatasetConfig
from modelref_git.proposals.policy import same_person
from modelref_git.store.git import GitStore
from modelref_git.store.key_file import FILE, KeyEntry
from modelref_git.store.keyring import Keyring, key_id_of

LONGEST_LABEL: Final = 120
MOST_DAYS: Final = 36_500

_DAY: Final = 86_400


def keyring_of(store: GitStore, path: Path | None = None) -> Keyring:
    """The keys of a repository: in the file at *path*, or in its own one."""
    return Keyring(path or store.local_dir / FILE, store.disk)


def may_make_for_others(ctx: Context, *, remote: bool = False) -> bool:
    """Whether the caller may make the keys of other members, or give theirs another secret.

    An approver of the whole dataset may. But what they ask for over the network, with *remote*, they may only as long
    as nobody else could approve anything: who holds another one's key is two people, and no log would tell.
    """
    config = ctx.dataset().config
    person = ctx.person(config)
    if not _is_administrator(person):
        return False
    return not remote or not _has_other_approvers(config, person.actor.id)


def create_key(
    ctx: Context,
    ident: str,
    *,
    label: str = "",
    days: int | None = None,
    path: Path | None = None,
    remote: bool = False,
) -> dict[str, Any]:
    """Make a key for a member; answers it, which is the only time that it is known, and its id.

    An approver makes keys for anybody, a member for themself. A dry run answers neither: both are random.

    Args:
        ctx: the repository and who asks.
        ident: the member's id, or ``name#id``.
        label: what the key is for, as its owner calls it.
        days: how long it is good; for ever unless given.
        path: the file of the keys, if it is not the repository's own.
        remote: whether it is asked for over the network; see `may_make_for_others`.

    Raises:
        UsageFault: the label or the days make no sense.
        Forbidden: the caller may not make a key for that person.
        NotFound: there is no such member.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    label = _checked_label(label)
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise UsageFault(f"a key is good for 1 to {MOST_DAYS} days, not for {days}")
    user_id = ident.rpartition("#")[2].strip()
    person = _caller(ctx)
    _require(person, user_id, f"make a key for {user_id!r}")
    _require_near(ctx, person, user_id, remote=remote)
    _require_member(ctx, user_id)
    ring = _ring(ctx, path, changes=True)
    if ctx.dry_run:
        ring.entries()
        return {"key": None, "key_id": None}
    made = ring.create(user_id, label, ctx.clock(), None if days is None else days * _DAY)
    return {"key": made.key, "key_id": made.entry.key_id}


def list_keys(ctx: Context, *, path: Path | None = None) -> list[dict[str, Any]]:
    """The keys, the oldest first: an approver sees all, a member their own.

    Raises:
        Forbidden: the caller is no member.
        IntegrityFailure: the file is broken.
        Invalid: the file cannot be read.
    """
    person = _caller(ctx)
    if person.member is None:
        person.require_administrator("list keys")
    rows = _ring(ctx, path, changes=False).entries()
    return [entry.as_json() for entry in rows if _is_administrator(person) or entry.user_id == person.actor.id]


def revoke_key(ctx: Context, key_id: str, *, path: Path | None = None) -> dict[str, Any]:
    """Take a key away, at once and for ever; answers what it was.

    Args:
        ctx: the repository and who asks.
        key_id: the key's id, or the whole key.
        path: the file of the keys, if it is not the repository's own.

    Raises:
        Forbidden: it is somebody else's, and the caller is no approver.
        NotFound: there is no such key.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    ring, entry = _chosen(ctx, key_id, path, "revoke")
    return (entry if ctx.dry_run else ring.revoke(entry.key_id)).as_json()


def regenerate_key(ctx: Context, key_id: str, *, path: Path | None = None, remote: bool = False) -> dict[str, Any]:
    """Give a key another secret: the old one is dead at once, label and time stay; answers as :func:`create_key`.

    Args:
        ctx: the repository and who asks.
        key_id: the key's id, or the whole key.
        path: the file of the keys, if it is not the repository's own.
        remote: whether it is asked for over the network; see `may_make_for_others`.

    Raises:
        Forbidden: it is somebody else's, and the caller is no approver.
        NotFound: there is no such key, or whose it is is no member any more.
        IntegrityFailure: the file is broken; it is left as it is.
        Invalid: the file cannot be read or written.
    """
    ring, entry = _chosen(ctx, key_id, path, "regenerate")
    _require_near(ctx, _caller(ctx), entry.user_id, remote=remote)
    _require_member(ctx, entry.user_id)
    if ctx.dry_run:
        return {"key": None, "key_id": entry.key_id}
    made = ring.regenerate(entry.key_id, ctx.clock())
    return {"key": made.key, "key_id": made.entry.key_id}


def _chosen(ctx: Context, text: str, path: Path | None, verb: str) -> tuple[Keyring, KeyEntry]:
    """The key that the caller names and may *verb*."""
    person = _caller(ctx)
    if person.member is None:
        person.require_administrator(f"{verb} keys")
    ring = _ring(ctx, path, changes=True)
    entry = ring.entry(key_id_of(text) or text)
    _require(person, entry.user_id, f"{verb} the key {entry.key_id} of {entry.user_id!r}")
    return ring, entry


def _caller(ctx: Context) -> Person:
    return ctx.person(ctx.dataset().config)


def _is_administrator(person: Person) -> bool:
    # An approver of one category would act for those of all with a key of theirs.
    return person.member is not None and person.member.approves(None)


def _require(person: Person, user_id: str, what: str) -> None:
    if person.actor.id != user_id:
        person.require_administrator(what)


def _require_near(ctx: Context, person: Person, user_id: str, *, remote: bool) -> None:
    if person.actor.id != user_id and not may_make_for_others(ctx, remote=remote):
        raise Forbidden(
            f"the key of {user_id!r} is not made over the network: with it one person could pass for two",
            hint=f"they make it once they are signed in, or `modelref-git key create {user_id}` on the host does",
        )


def _has_other_approvers(config: DatasetConfig, ident: str) -> bool:
    others = (member for member in config.members if not same_person(config, member.id, ident))
    brought = (role for roles in config.policy.flag_roles.values() for role in roles)
    return any(one.is_approver and not one.is_service for one in others) or any(
        role.partition(":")[0] == APPROVER for role in brought
    )


def _require_member(ctx: Context, user_id: str) -> None:
    if ctx.dataset().config.member(user_id) is None:
        raise NotFound(
            f"there is no member with the id {user_id!r}, and only members have keys",
            hint="`modelref-git member add NAME#ID --email E` adds one, `modelref-git member list` lists them",
        )


def _ring(ctx: Context, path: Path | None, *, changes: bool) -> Keyring:
    ring = keyring_of(ctx.store, path)
    mode = ring.open_mode
    if mode is not None:
        mended = changes and not ctx.dry_run
        then = "it is closed with this change" if mended else f"`chmod 600 {ring.path}` closes it"
        ctx.warn(f"{ring.path} is open to others than its owner (mode {mode}); {then}")
    return ring


def _checked_label(text: str) -> str:
    label = text.strip()
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise UsageFault(f"a label has at most {LONGEST_LABEL} characters, and no line breaks or control characters")
    return label
