"""Who is signed in: sessions in a file of the cache, which all workers share. Deleting it signs everybody out.

A session's token is in the visitor's cookie alone. The file has its digest, and the API key it was opened with,
covered by bytes that only the token gives: whoever reads the file can sign in as nobody. The key is asked about anew
with each request, so that one that is revoked signs out at once.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from modelref_git.errors import Busy
from modelref_git.store.index_file import is_unusable, transaction

IDLE: Final = 2 * 3_600
"""Seconds after which a session that nobody used is over."""
LONGEST: Final = 12 * 3_600
"""Seconds after which any session is over."""
OF_ONE_AT_MOST: Final = 20
"""Sessions of one person; the one that was used longest ago ends for the next."""
AT_MOST: Final = 20_000
"""Sessions altogether."""

_LOG: Final = logging.getLogger("modelref_git.server")

_TOUCH_AFTER: Final = 60
"""Seconds that a use may be younger than it is written down."""
_AHEAD: Final = 300
"""Seconds by which the clock of another worker may be ahead, or this one's have been set back."""
_NOTICE_AT_MOST: Final = 1_000
_TOKEN_BYTES: Final = 32
_TOKEN_LENGTH: Final = 43
_SALT_LENGTH: Final = 32
_PATIENCE: Final = 2.0
"""Seconds for which a file that somebody holds is waited for."""
_APPLICATION: Final = 0x6D727569
_VERSION: Final = 1
_TABLE: Final = """CREATE TABLE sessions (id BLOB PRIMARY KEY, owner TEXT NOT NULL, cover BLOB NOT NULL,
    opened INTEGER NOT NULL, used INTEGER NOT NULL, notice TEXT) WITHOUT ROWID"""

_T = TypeVar("_T")


class SessionsUnavailable(Busy):
    """Who is signed in cannot be told, or written down, at this moment."""

    def __init__(self) -> None:
        super().__init__(
            "Who is signed in cannot be told at this moment",
            hint="Try again in a moment. Whoever runs this service finds the reason in its log.",
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor who is signed in."""

    token: str
    key: str
    """The API key."""
    notice: str | None = None
    """What the next page is to say."""

    @property
    def csrf(self) -> str:
        """What a form of this visitor's carries, and no other page can know.

        It is another one each time, so that the length of a compressed page tells nothing of it.
        """
        salt = secrets.token_hex(_SALT_LENGTH // 2)
        return salt + self._proof(salt)

    def owns(self, csrf: str) -> bool:
        """Whether a form with *csrf* is one of this visitor's."""
        salt, proof = csrf[:_SALT_LENGTH], csrf[_SALT_LENGTH:]
        return hmac.compare_digest(self._proof(salt).encode(), proof.encode("utf-8", "replace"))

    def _proof(self, salt: str) -> str:
        return hmac.digest(
            self.token.encode("utf-8", "replace"), b"csrf:" + salt.encode("utf-8", "replace"), "sha256"
        ).hex()


class Sessions:
    """The sessions of a service. Its methods may be called from several threads and processes at once.

    The file is opened for each question, which costs far less than a page does: so one that was deleted, or replaced by
    another worker, is never asked.

    Args:
        path: the SQLite file.
        clock: the time, Unix seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    def open(self, key: str, owner: str = "") -> Session:
        """Begin a session of *owner*, who has *key*, under a token that nobody had before.

        Raises:
            SessionsUnavailable: the file cannot be written.
        """
        session = Session(secrets.token_urlsafe(_TOKEN_BYTES), key)
        now = int(self._clock())
        row = (_id(session.token), owner, _covered(session.token, key.encode("utf-8", "replace")), now, now)

        def add(db: sqlite3.Connection) -> None:
            with transaction(db, "IMMEDIATE"):
                db.execute(
                    "DELETE FROM sessions WHERE used < ? OR opened < ? OR used > ?",
                    (now - IDLE, now - LONGEST, now + _AHEAD),
                )
                _keep(db, "owner = ?", (owner,), OF_ONE_AT_MOST - 1)
                _keep(db, "true", (), AT_MOST - 1)
                db.execute("INSERT INTO sessions (id, owner, cover, opened, used) VALUES (?, ?, ?, ?, ?)", row)

        self._do(add)
        return session

    def find(self, token: str) -> Session | None:
        """The session that *token* opens; ``None`` if there is none, or it is over.

        Raises:
            SessionsUnavailable: the file cannot be read.
        """
        if len(token) != _TOKEN_LENGTH or not self._path.exists():
            return None
        now, ident = int(self._clock()), _id(token)

        def look(db: sqlite3.Connection) -> Session | None:
            row = db.execute("SELECT cover, opened, used, notice FROM sessions WHERE id = ?", (ident,)).fetchone()
            if row is None or not (now - row[1] <= LONGEST and -_AHEAD <= now - row[2] <= IDLE):
                return None
            if now - row[2] > _TOUCH_AFTER:
                with suppress(sqlite3.Error):  # it may be used as long as it can be read
                    db.execute("UPDATE sessions SET used = ? WHERE id = ?", (now, ident))
            return Session(token, _covered(token, row[0]).decode("utf-8", "replace"), row[3])

        return self._do(look)

    def tell(self, session: Session, notice: str | None) -> None:
        """Have the next page of *session* say *notice*; nothing any more, with ``None``."""
        text = notice[:_NOTICE_AT_MOST] if notice is not None else None
        with suppress(SessionsUnavailable):
            self._do(lambda db: db.execute("UPDATE sessions SET notice = ? WHERE id = ?", (text, _id(session.token))))

    def close(self, token: str) -> None:
        """End the session that *token* opens.

        Raises:
            SessionsUnavailable: the file cannot be written.
        """
        self._do(lambda db: db.execute("DELETE FROM sessions WHERE id = ?", (_id(token),)))

    def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do *work* on the file; one that is no good, or not ours, is made anew first."""
        for is_last in (False, True):
            try:
                with closing(self._connect()) as db:
                    return work(db)
            except (OSError, sqlite3.Error) as fault:
                if is_last or not isinstance(fault, sqlite3.DatabaseError) or is_unusable(fault):
                    _LOG.warning("the sessions in %s cannot be used: %s", self._path, fault)
                    raise SessionsUnavailable from fault
                _LOG.warning("the sessions in %s are made anew: %s", self._path, fault)
                self._throw_away()
        raise AssertionError("unreachable")

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # SQLite makes its journal with the permissions of the file.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
        db = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        try:
            if not _is_ours(db):
                with transaction(db, "IMMEDIATE"):
                    if not _is_ours(db):  # another worker may have made it meanwhile
                        _make(db)
        except BaseException:
            db.close()
            raise
        return db

    def _throw_away(self) -> None:
        for name in (self._path, self._path.with_name(f"{self._path.name}-journal")):
            with suppress(OSError):
                name.unlink(missing_ok=True)


def _is_ours(db: sqlite3.Connection) -> bool:
    return _marks(db) == (_APPLICATION, _VERSION)


def _marks(db: sqlite3.Connection) -> tuple[int, int]:
    return (db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0])


def _make(db: sqlite3.Connection) -> None:
    if _marks(db) != (0, 0):
        raise sqlite3.DatabaseError("it is the file of another program, or version")
    db.execute(_TABLE)
    db.execute(f"PRAGMA application_id = {_APPLICATION}")
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _keep(db: sqlite3.Connection, which: str, values: tuple[str, ...], count: int) -> None:
    """Of the sessions for which *which* holds, keep the *count* that were used last."""
    db.execute(
        f"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE {which} "  # noqa: S608 - the test is ours
        "ORDER BY used DESC, opened DESC LIMIT -1 OFFSET ?)",
        (*values, count),
    )


def _id(token: str) -> bytes:
    return hashlib.sha256(b"session:" + token.encode("utf-8", "replace")).digest()


def _covered(token: str, data: bytes) -> bytes:
    """*data* covered, or uncovered, by as many bytes as only *token* gives; each token covers one text."""
    pad = hashlib.shake_256(b"key:" + token.encode("utf-8", "replace")).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, pad, strict=True))
