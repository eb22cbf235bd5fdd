"""SSH signatures on commits: made with the key that git's configuration names, judged by the members' keys.

``ssh-keygen`` signs and judges, in the same way as when ``git commit -S`` and ``git verify-commit`` call it, so that
either program accepts what the other signed. Keys are compared here as bytes, never as text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from modelref_git.errors import Forbidden, Invalid, ModelrefError, NotFound, UsageFault
from modelref_git.proposals.ssh_keys import (
    check_key_line,
    key_blob,
    key_fingerprint,
    line_of,
    public_half,
    strings,
    type_of,
)
from modelref_git.store.git import GitStore
from modelref_git.store.objects import split_signature

if TYPE_CHECKING:
    from subprocess import CompletedProcess

__all__ = [
    "Signer",
    "Verdict",
    "check_key_line",
    "key_fingerprint",
    "signer_of",
    "signing_key",
    "verify_commit",
]

SIGN_SECONDS: Final = 60
"""So long an agent or a security key has, unless a person is there to interrupt it."""

VERIFY_SECONDS: Final = 30
"""So long one signature may take to be judged; it takes some milliseconds."""

_NAMESPACE: Final = "git"
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_OTHERS: Final = ("-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----")
_REMEMBERED: Final = 8192

_HINT: Final = (
    "say which key signs: `git config --global gpg.format ssh`, "
    "`git config --global user.signingkey ~/.ssh/id_ed25519.pub` and `git config --global commit.gpgsign true`"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a commit's signature is worth.

    ``unsigned``: there is none. ``good``: *member* signed it. ``bad``: it claims *member*'s key, or nothing that can
    be read, and does not hold. ``unknown_key``: whoever signed it did so with a key that no member lists, or in
    another format than SSH; it was not looked at further.
    """

    state: Literal["unsigned", "good", "bad", "unknown_key"]
    member: str | None = None
    """The id of the member whose key it is."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs commits, and what else is handed out, with one key."""

    key: str
    """The public key's line, ``type base64 [comment]``."""
    path: str
    """The file of the key, private or public; empty for one that only the agent holds."""
    program: str
    folder: Path
    """Where the program runs, as it would for git: a relative path starts here."""

    def sign(self, payload: bytes, *, namespace: str = _NAMESPACE, what: str = "the commit") -> str:
        """The armored signature of a commit's payload, as :class:`~modelref_git.store.objects.Commit` takes it.

        A person at a terminal may be asked for a passphrase; without a terminal nobody is asked.

        Args:
            payload: what is signed.
            namespace: what the signature is made for; OpenSSH takes it for nothing else.
            what: how a refusal calls the payload.

        Raises:
            NotFound: there is no such program.
            UsageFault: it did not sign, or not in time.
        """
        import tempfile

        with tempfile.TemporaryDirectory(prefix="modelref-sign-") as name:
            folder = Path(name)
            path = self.path
            if not path:
                path = str(folder / "user.signingkey")
                Path(path).write_text(self.key + "\n", encoding="utf-8")
            # Not through stdin: a program that asks for a passphrase without a terminal would read it from there.
            data = folder / "commit"
            data.write_bytes(payload)
            words = [self.program, "-Y", "sign", "-n", namespace, "-f", path, str(data)]
            done = _run(words, seconds=SIGN_SECONDS, folder=self.folder)
            made = folder / "commit.sig"
            signature = made.read_text("utf-8", "replace").replace("\r\n", "\n") if made.is_file() else ""
            if done.returncode or not signature:
                self._refuse(what, _last_line(done.stderr).replace(f"{folder}{os.sep}", ""))
            if _signing_blob(signature) != key_blob(self.key):
                self._refuse(what, "the signature that came back is not by this key")
        return signature

    def _refuse(self, what: str, why: str) -> None:
        if "passphrase" in why:
            why = "it has a passphrase, which was wrong or could not be asked for"
        raise UsageFault(
            f"{what} was not signed with the key {key_fingerprint(self.key)}: {why or 'no signature came back'}",
            hint="`ssh-add FILE` gives a key to the SSH agent, `ssh-add -L` lists those it holds; "
            "git's `user.signingkey` says which one signs",
        )


def signer_of(store: GitStore, *, required: bool) -> Signer | None:
    """Who signs the commits of this repository: as git's configuration says, or nobody.

    Commits are signed if ``commit.gpgsign`` is true and ``gpg.format`` is ``ssh``, or if the dataset's policy has
    *required* it. The key is ``user.signingkey``, or else what ``gpg.ssh.defaultKeyCommand`` names.

    Raises:
        Forbidden: a signature is required, and no key is configured that could make one.
        UsageFault: the configuration asks for signatures by a key that is no key.
        NotFound: a program that this needs is not installed.
    """
    if not required and not _may_sign(store):
        return None
    settings = _settings(store)
    if not required and not _is_true(settings.get("commit.gpgsign", "")):
        return None
    if settings.get("gpg.format") != "ssh":
        if required:
            raise Forbidden(
                "this dataset takes signed commits only (require_signed), and git is not set up to sign with SSH",
                hint=_HINT,
            )
        return None
    folder = Path(store.pygit2.workdir or store.git_dir)
    try:
        named = settings.get("user.signingkey") or _default_key(settings.get("gpg.ssh.defaultkeycommand", ""), folder)
        program = _expanded(settings.get("gpg.ssh.program") or "ssh-keygen")
        if named.startswith(("key::", "ssh-")):
            return Signer(check_key_line(named.removeprefix("key::")), "", program, folder)
        path = _expanded(named)
        return Signer(_public_line(folder / path), path, program, folder)
    except (Invalid, UsageFault) as error:
        kind: type[ModelrefError] = Forbidden if required else UsageFault
        raise kind(f"git's signing key cannot be used: {error.message}", hint=error.hint or _HINT) from error


def verify_commit(payload: bytes, keys: Mapping[str, Sequence[str]]) -> Verdict:
    """What the signature of a commit is worth.

    A key that no member lists costs no process. One that was judged before is not judged again.

    Args:
        payload: the commit object as it is stored.
        keys: member id -> the lines of their public keys. Lines that hold no key are passed over, and so is what
            follows a key. Of two members with one key the first counts.

    Raises:
        NotFound: ``ssh-keygen`` is not installed.
        UsageFault: it is too old, or did not answer.
    """
    signed, signature = split_signature(payload)
    if not signature:
        return Verdict("unsigned")
    if signature.startswith(_OTHERS):
        return Verdict("unknown_key")
    blob = _signing_blob(signature)
    if blob is None:
        return Verdict("bad")
    member = next((ident for ident, lines in keys.items() if any(key_blob(line) == blob for line in lines)), None)
    if member is None:
        return Verdict("unknown_key")
    judged = (hashlib.sha256(payload).digest(), blob)
    if judged not in _judgements:
        if len(_judgements) >= _REMEMBERED:
            _judgements.clear()
        _judgements[judged] = _holds(signed, signature, blob)
    return Verdict("good" if _judgements[judged] else "bad", member)


_judgements: Final[dict[tuple[bytes, bytes], bool]] = {}


def signing_key(payload: bytes) -> str | None:
    """The public key that a commit's signature names, ``type base64``; ``None`` if it names none.

    Only a name: :func:`verify_commit` says whether the signature holds.
    """
    blob = _signing_blob(split_signature(payload)[1])
    return line_of(blob) if blob is not None and type_of(blob) else None


def _signing_blob(signature: str) -> bytes | None:
    """The key that an armored signature names, as bytes; ``None`` if it is not exactly one SSH signature."""
    lines = signature.strip().splitlines()
    if len(lines) < 3 or (lines[0], lines[-1]) != (_BEGIN, _END):
        return None
    try:
        data = base64.b64decode("".join(lines[1:-1]), validate=True)
        parts = strings(data[10:])
    except ValueError:
        return None
    # Version 1; its parts are: key, namespace, something reserved, name of the hash, signature.
    if data[:10] != b"SSHSIG\0\0\0\1" or len(parts) != 5:
        return None
    return parts[0]


def _holds(signed: bytes, signature: str, blob: bytes) -> bool:
    """Whether *signature* is one of *signed* by the key *blob*, for commits."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="modelref-verify-") as name:
        allowed, written = Path(name, "allowed"), Path(name, "signature")
        # Nothing that a member wrote stands here, so no key line can bring options or further signers along.
        allowed.write_text(f'member namespaces="{_NAMESPACE}" {line_of(blob)}\n', encoding="ascii")
        written.write_text(signature, encoding="utf-8")
        words = ["ssh-keygen", "-Y", "verify", "-n", _NAMESPACE, "-I", "member", "-f", str(allowed), "-s", str(written)]
        done = _run(words, seconds=VERIFY_SECONDS, data=signed)
    if done.returncode < 0 or b"usage:" in done.stderr:
        # Neither says anything about the signature.
        raise UsageFault("ssh-keygen cannot judge signatures here", hint="OpenSSH 8.2 or newer is needed")
    return done.returncode == 0


def _may_sign(store: GitStore) -> bool:
    """Whether git could be set up to sign. Only then git is asked: it alone knows of ``git -c`` and the like."""
    if store.config("commit.gpgsign") is not None:
        return True
    files = (os.environ.get(name, os.devnull) for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"))
    given = (os.environ.get(name, "") for name in ("GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"))
    return any(name != os.devnull for name in files) or any(given)


def _settings(store: GitStore) -> dict[str, str]:
    """What git's configuration says of signatures. The last of several values counts."""
    # Every repository has something in `core`: without it git would find nothing and call that a failure.
    wanted = r"^(core\.|gpg\.|commit\.gpgsign$|user\.signingkey$)"
    rows = (row.partition("\n") for row in store.run_git("config", "-z", "--get-regexp", wanted).split("\0"))
    return {key: value if mark else "true" for key, mark, value in rows}


def _is_true(value: str) -> bool:
    return value.lower() in ("true", "yes", "on") or (value.isdecimal() and int(value) != 0)


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - Path raises for a user that is not there


def _default_key(command: str, folder: Path) -> str:
    """The key that a command of the user's names on its first line, as ``key::…``."""
    import shlex

    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise UsageFault("user.signingkey is not set")
    done = _run(words, seconds=SIGN_SECONDS, folder=folder)
    first = done.stdout.decode("utf-8", "replace").partition("\n")[0]
    if done.returncode or not first.startswith(("key::", "ssh-")):
        raise UsageFault("gpg.ssh.defaultKeyCommand names no key")
    return first


def _public_line(path: Path) -> str:
    """The public key of a file that holds it, or its private half, or has a ``.pub`` beside it."""
    beside = Path(f"{path}.pub")
    if not path.exists() and beside.exists():
        path = beside
    try:
        text = path.read_text("utf-8", "replace")
        if "PRIVATE KEY" not in text:
            return check_key_line(text)
        return public_half(text) or check_key_line(beside.read_text("utf-8", "replace"))
    except OSError as error:
        raise UsageFault(f"{error.filename} cannot be read: {error.strerror}") from error


def _run(
    words: Sequence[str], *, seconds: float, data: bytes | None = None, folder: Path | None = None
) -> CompletedProcess[bytes]:
    """Run a program; it may ask a person at a terminal, and gives up at once where there is none."""
    import subprocess

    environment = {**os.environ, "LC_ALL": "C"}
    attended = data is None and any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    if not attended:
        environment.setdefault("SSH_ASKPASS_REQUIRE", "never")
    try:
        return subprocess.run(
            words,
            input=None if attended else data or b"",
            capture_output=True,
            check=False,
            timeout=None if attended else seconds,  # a killed program could leave the terminal without echo
            cwd=folder,
            env=environment,
            start_new_session=not attended,  # away from the terminal that a background job may still have
        )
    except subprocess.TimeoutExpired as error:
        raise UsageFault(
            f"{words[0]} did not answer within {seconds:g} seconds",
            hint="it may have waited for an SSH agent, a security key or a passphrase: try `git commit -S` to see",
        ) from error
    except OSError as error:
        raise NotFound(
            f"the program {words[0]} cannot be run: {error.strerror}",
            hint="ssh-keygen comes with OpenSSH, 8.2 or newer",
        ) from error


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines() or [""]
    return "".join(ch if ch.isprintable() else "?" for ch in lines[-1])
