from __future__ import annotations

import base64
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Forbidden, Invalid, ModelrefError, NotFound, UsageFault
from modelref_git.store import signatures
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, split_signature
from modelref_git.store.signatures import (
    Signer,
    Verdict,
    check_key_line,
    key_fingerprint,
    signer_of,
    signing_key,
    verify_commit,
)
from tests.store.builders import EMPTY_TREE, SOMEBODY, bare, fsck, git
from tests.support.calls import CHECKOUT

TYPES = {"ed25519": ("-t", "ed25519"), "ecdsa": ("-t", "ecdsa", "-b", "384"), "rsa": ("-t", "rsa", "-b", "2048")}
GIT_FOR = {"GIT_AUTHOR_NAME": "C", "GIT_AUTHOR_EMAIL": "c@d", "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@d"}


def keygen(*words: str | Path, data: bytes = b"") -> str:
    done = subprocess.run(["ssh-keygen", *map(str, words)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of keys: one of each type, one more, and one with a passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    for name, words in TYPES.items():
        keygen("-q", *words, "-N", "", "-C", f"{name} of carol", "-f", folder / name)
    keygen("-q", "-t", "ed25519", "-N", "", "-C", "mallory", "-f", folder / "other")
    keygen("-q", "-t", "ed25519", "-N", "open sesame", "-C", "locked", "-f", folder / "locked")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    return bare(tmp_path / "r.git")


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    signatures._judgements.clear()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert process.poll() is None
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
    finally:
        process.terminate()
        process.wait()


def set_up(store: GitStore, key: str | Path, **more: str) -> GitStore:
    rows = {"gpg.format": "ssh", "user.signingkey": str(key), "commit.gpgsign": "true"}
    for name, value in (rows | more).items():
        git(store.git_dir, "config", name, value)
    return store


def the_signer(store: GitStore) -> Signer:
    signer = signer_of(store, required=True)
    assert signer is not None
    return signer


def line(keys: Path, name: str = "ed25519") -> str:
    return (keys / f"{name}.pub").read_text().strip()


def signed(signer: Signer, message: str = "approve: all\n\nActor: carol#2\n") -> Commit:
    commit = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, message)
    return replace(commit, signature=signer.sign(commit.encode()))


def write(store: GitStore, commit: Commit) -> str:
    objects = store.buffer()
    objects.add("tree", b"")
    oid = objects.add_commit(commit)
    store.write(objects)
    store.refs.move("refs/heads/main", None, oid)
    return oid


def commit_by_git(folder: Path, key: Path, *words: str) -> bytes:
    settings = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    who = ("-c", "user.name=C", "-c", "user.email=c@d")
    git(folder, *settings, *who, *words)
    return GitStore.open(folder).read(git(folder, "rev-parse", "HEAD").strip())[1]


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_signed_here_stock_git_accepts(store: GitStore, keys: Path, tmp_path: Path, kind: str) -> None:
    commit = signed(the_signer(set_up(store, keys / kind)))
    oid = write(store, commit)
    allowed = tmp_path / "allowed"
    allowed.write_text(f'carol@people.example namespaces="git" {line(keys, kind)}\n')
    git(store.git_dir, "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", oid)
    fsck(store.git_dir)
    assert verify_commit(commit.encode(), {"2": [line(keys, kind)]}) == Verdict("good", "2")
    assert store.read_commit(oid) == replace(commit, id=oid)


@pytest.mark.parametrize("kind", TYPES)
def test_what_stock_git_signed_is_accepted_here(keys: Path, tmp_path: Path, kind: str) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    listed = {"1": [line(keys, "other")], "2": [line(keys, kind)]}
    plain = commit_by_git(tmp_path, keys / kind, "commit", "-q", "-S", "--allow-empty", "-m", "one")
    assert verify_commit(plain, listed) == Verdict("good", "2")
    latin = ("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "-S", "--allow-empty", "-m", "two")
    assert b"\nencoding ISO-8859-1\n" in split_signature(commit_by_git(tmp_path, keys / kind, *latin))[0]
    assert verify_commit(commit_by_git(tmp_path, keys / kind, *latin), listed) == Verdict("good", "2")


def test_a_signed_merge_of_a_signed_tag_is_accepted(keys: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    commit_by_git(tmp_path, keys / "ed25519", "commit", "-q", "-S", "--allow-empty", "-m", "one")
    git(tmp_path, "checkout", "-q", "-b", "side")
    commit_by_git(tmp_path, keys / "other", "commit", "-q", "-S", "--allow-empty", "-m", "side")
    commit_by_git(tmp_path, keys / "other", "tag", "-s", "-m", "tagged", "v1")
    git(tmp_path, "checkout", "-q", "main")
    merge = commit_by_git(tmp_path, keys / "ed25519", "merge", "-q", "-S", "--no-ff", "-m", "merge", "v1")
    payload, signature = split_signature(merge)
    assert b"\nmergetag object " in payload
    assert payload.count(b"BEGIN SSH SIGNATURE") == signature.count("BEGIN SSH SIGNATURE") == 1
    assert verify_commit(merge, {"2": [line(keys)]}) == Verdict("good", "2")


def test_whatever_of_a_signed_commit_is_changed_makes_it_bad(store: GitStore, keys: Path) -> None:
    signer = the_signer(set_up(store, keys / "ed25519"))
    commit = signed(signer)
    another = signed(signer, "reject: all\n\nActor: carol#2\n")
    listed = {"2": [line(keys)]}
    for forged in (
        replace(commit, message=commit.message.replace("#2", "#3")),
        replace(commit, tree="1" * 40),
        replace(commit, parents=("2" * 40,)),
        replace(commit, author=replace(SOMEBODY, time=1)),
        replace(commit, committer=replace(SOMEBODY, name="Else")),
        replace(commit, signature=another.signature),
    ):
        assert verify_commit(forged.encode(), listed) == Verdict("bad", "2")
    extra = commit.encode().replace(b"\ngpgsig ", b"\nencoding UTF-16\ngpgsig ", 1)
    assert verify_commit(extra, listed) == Verdict("bad", "2")
    assert verify_commit(commit.encode(), listed) == Verdict("good", "2")


def test_a_signature_made_for_something_else_than_git_is_bad(keys: Path) -> None:
    commit = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n")
    signature = keygen("-Y", "sign", "-n", "file", "-f", keys / "ed25519", data=commit.encode())
    assert verify_commit(replace(commit, signature=signature).encode(), {"2": [line(keys)]}) == Verdict("bad", "2")


def test_an_unsigned_commit_is_unsigned() -> None:
    assert verify_commit(Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n").encode(), {}) == Verdict("unsigned", None)


@pytest.mark.parametrize("kind", ["PGP SIGNATURE", "PGP MESSAGE", "SIGNED MESSAGE"])
def test_a_signature_in_another_format_is_by_nobody_known(kind: str) -> None:
    signature = f"-----BEGIN {kind}-----\n\nAAAA\n-----END {kind}-----\n"
    payload = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n", signature=signature).encode()
    assert (verify_commit(payload, {}), signing_key(payload)) == (Verdict("unknown_key", None), None)


def test_a_key_that_no_member_lists_costs_no_process(
    store: GitStore, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = signed(the_signer(set_up(store, keys / "other"))).encode()
    monkeypatch.setenv("PATH", "/nowhere")
    listed = {"1": [], "2": [line(keys), line(keys, "rsa")]}
    assert verify_commit(payload, listed) == Verdict("unknown_key", None)
    assert signing_key(payload) == " ".join(line(keys, "other").split()[:2])
    with pytest.raises(NotFound, match="ssh-keygen"):
        verify_commit(payload, {"2": [line(keys, "other")]})


def test_a_commit_is_judged_once_but_the_members_are_asked_each_time(
    store: GitStore, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = signed(the_signer(set_up(store, keys / "ed25519")))
    payload, forged = commit.encode(), replace(commit, message="forged\n").encode()
    assert verify_commit(payload, {"2": [line(keys)]}).state == "good"
    assert verify_commit(forged, {"2": [line(keys)]}).state == "bad"
    monkeypatch.setenv("PATH", "/nowhere")
    assert verify_commit(payload, {"9": [line(keys)]}) == Verdict("good", "9")
    assert verify_commit(forged, {"9": [line(keys)]}) == Verdict("bad", "9")
    assert verify_commit(payload, {"2": []}) == Verdict("unknown_key", None)


def test_what_is_remembered_has_a_bound(store: GitStore, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_REMEMBERED", 2)
    signer = the_signer(set_up(store, keys / "ed25519"))
    for number in range(4):
        assert verify_commit(signed(signer, f"{number}\n").encode(), {"2": [line(keys)]}).state == "good"
        assert len(signatures._judgements) <= 2


def test_of_two_members_with_one_key_the_first_counts(store: GitStore, keys: Path) -> None:
    payload = signed(the_signer(set_up(store, keys / "ed25519"))).encode()
    assert verify_commit(payload, {"3": [line(keys)], "2": [line(keys)]}) == Verdict("good", "3")


def test_comments_and_spaces_in_a_members_line_do_not_matter(store: GitStore, keys: Path) -> None:
    payload = signed(the_signer(set_up(store, keys / "ed25519"))).encode()
    kind, key = line(keys).split()[:2]
    for text in (
        f"{kind} {key}",
        f"  {kind}\t{key}",
        f'{kind} {key} namespaces="file" # x',
        f"{kind} {key} ключ\u200d",
    ):
        assert verify_commit(payload, {"2": [text]}) == Verdict("good", "2"), text


def test_no_line_of_a_member_brings_another_key_or_options_along(store: GitStore, keys: Path) -> None:
    payload = signed(the_signer(set_up(store, keys / "other"))).encode()
    mine, theirs = line(keys), line(keys, "other")
    kind, key = theirs.split()[:2]
    for text in (
        f"{mine}\nmember {theirs}",
        f"{mine}\r\n* {theirs}",
        f"{mine}\n{theirs}",
        f"cert-authority {theirs}",
        f"* {theirs}",
        f"# {theirs}",
        f"ssh-rsa {key}",
        f"{kind} {key[:-4]}",
        f"{kind}-cert-v01@openssh.com {key}",
        *("", kind, f"{kind} ", f"{kind} ???", f"{kind},{key}"),
    ):
        assert verify_commit(payload, {"2": [text]}) == Verdict("unknown_key", None), text


@given(
    st.text(st.characters(codec="utf-8"), min_size=1)
    | st.binary().map(lambda data: base64.b64encode(b"SSHSIG\0\0\0\1" + data).decode())
)
def test_no_text_in_the_place_of_a_signature_is_good_or_does_harm(text: str) -> None:
    commit = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n")
    for signature in (text, f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"):
        payload = replace(commit, signature=signature).encode()
        assert verify_commit(payload, {"2": ["ssh-ed25519 AAAA"]}).state in ("bad", "unknown_key")
        signing_key(payload)


def test_two_signatures_in_one_commit_are_bad(store: GitStore, keys: Path) -> None:
    signer = the_signer(set_up(store, keys / "ed25519"))
    commit = signed(signer)
    twice = replace(commit, signature=commit.signature * 2)
    assert verify_commit(twice.encode(), {"2": [line(keys)]}) == Verdict("bad", None)


def test_a_signature_in_a_form_that_nobody_knows_is_bad(store: GitStore, keys: Path) -> None:
    commit = signed(the_signer(set_up(store, keys / "ed25519")))
    begin, *middle, end = commit.signature.splitlines()
    data = base64.b64decode("".join(middle))
    for other in (b"SSHSIX" + data[6:], data[:9] + b"\2" + data[10:], data + b"\0\0\0\0"):
        text = "\n".join([begin, base64.b64encode(other).decode(), end, ""])
        assert verify_commit(replace(commit, signature=text).encode(), {"2": [line(keys)]}) == Verdict("bad", None)


def test_a_key_has_one_spelling(store: GitStore, keys: Path) -> None:
    payload = signed(the_signer(set_up(store, keys / "ecdsa"))).encode()
    kind, key = line(keys, "ecdsa").split()[:2]
    assert key.endswith("=")
    at = len(key.rstrip("=")) - 1
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = key[:at] + digits[digits.index(key[at]) + 1] + key[at + 1 :]
    assert base64.b64decode(other) == base64.b64decode(key)
    for spelling in (other, f"{key[:8]}*{key[8:]}", f"{key}AAAA"):
        assert verify_commit(payload, {"2": [f"{kind} {spelling}"]}) == Verdict("unknown_key", None)
        with pytest.raises(Invalid):
            check_key_line(f"{kind} {spelling}")


def test_a_signature_cut_short_is_bad(store: GitStore, keys: Path) -> None:
    commit = signed(the_signer(set_up(store, keys / "ed25519")))
    lines = commit.signature.splitlines()
    for kept in (lines[:-1], lines[1:], lines[:2] + lines[-1:], lines[:1] + lines[-1:], lines[:3] + lines[4:]):
        cut = replace(commit, signature="\n".join(kept) + "\n")
        assert verify_commit(cut.encode(), {"2": [line(keys)]}).state == "bad"


def test_a_program_that_cannot_judge_gives_no_verdict(
    store: GitStore, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = signed(the_signer(set_up(store, keys / "ed25519"))).encode()
    program = tmp_path / "bin" / "ssh-keygen"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for body in ("echo 'usage: ssh-keygen' >&2; exit 1", "kill -9 $$"):
        script(program, body)
        with pytest.raises(UsageFault, match="cannot judge"):
            verify_commit(payload, {"2": [line(keys)]})
    script(program, "sleep 5")
    monkeypatch.setattr(signatures, "VERIFY_SECONDS", 0.1)
    with pytest.raises(UsageFault, match=r"did not answer within 0\.1 seconds"):
        verify_commit(payload, {"2": [line(keys)]})


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_without_settings_nobody_signs_and_no_process_runs(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert signer_of(store, required=False) is None


@pytest.mark.parametrize("form", [None, "openpgp", "x509"])
def test_commits_that_git_signs_in_another_format_are_not_ours(store: GitStore, keys: Path, form: str | None) -> None:
    set_up(store, keys / "ed25519", **{"gpg.format": form or "openpgp"})
    if form is None:
        git(store.git_dir, "config", "--unset", "gpg.format")
    assert signer_of(store, required=False) is None
    with pytest.raises(Forbidden, match="require_signed"):
        signer_of(store, required=True)


def test_a_key_alone_signs_only_what_must_be_signed(store: GitStore, keys: Path) -> None:
    set_up(store, keys / "ed25519", **{"commit.gpgsign": "no"})
    assert signer_of(store, required=False) is None
    assert the_signer(store).key.split()[:2] == line(keys).split()[:2]


@pytest.mark.parametrize("value", ["true", "yes", "On", "1"])
def test_what_git_takes_for_true_is_true(store: GitStore, keys: Path, value: str) -> None:
    set_up(store, keys / "ed25519", **{"commit.gpgsign": value})
    assert signer_of(store, required=False) is not None


def test_a_setting_without_a_value_is_true(store: GitStore, keys: Path) -> None:
    set_up(store, keys / "ed25519", **{"commit.gpgsign": "false"})
    with (store.git_dir / "config").open("a") as file:
        file.write("[commit]\n\tgpgsign\n")
    assert signer_of(GitStore.open(store.git_dir), required=False) is not None


def test_settings_of_one_command_are_heeded(store: GitStore, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"gpg.format": "ssh", "user.signingkey": str(keys / "ed25519"), "commit.gpgsign": "true"}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(rows)))
    for number, (name, value) in enumerate(rows.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    assert signer_of(store, required=False) is not None


def test_the_refusal_says_what_to_set_and_that_is_enough(
    store: GitStore, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Forbidden) as refused:
        signer_of(store, required=True)
    commands = re.findall(r"`(git config [^`]+)`", refused.value.hint or "")
    assert len(commands) == 3
    page = (CHECKOUT / "docs" / "signing.md").read_text(encoding="utf-8")
    assert "\n$ ".join(commands) in page
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    for ending in ("", ".pub"):
        (home / f".ssh/id_ed25519{ending}").write_bytes((keys / f"ed25519{ending}").read_bytes())
    (home / ".ssh/id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    for command in commands:
        subprocess.run(["sh", "-c", command], check=True)
    signer = signer_of(store, required=False)
    assert signer is not None
    assert verify_commit(signed(signer).encode(), {"2": [line(keys)]}) == Verdict("good", "2")


def test_a_key_that_is_none_is_refused_whether_required_or_not(store: GitStore, keys: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    keygen("-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", old)
    old.with_suffix(".pub").unlink()
    (tmp_path / "text").write_text("not a key\n")
    for key in (
        "/nowhere/key",
        "key::ssh-ed25519 AAAA",
        "ssh-ed25519",
        str(tmp_path / "text"),
        str(tmp_path),
        str(old),
        "",
    ):
        set_up(store, key)
        for required, kind in ((True, Forbidden), (False, UsageFault)):
            with pytest.raises(kind, match="signing key cannot be used") as refused:
                signer_of(store, required=required)
            assert refused.value.hint


@pytest.mark.parametrize("form", ["private", "public", "relative", "home", "lonely private", "only .pub there"])
def test_the_key_may_be_named_in_each_way_that_git_knows(
    store: GitStore, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("HOME", str(keys.parent))
    lonely = tmp_path / "lonely"
    lonely.write_bytes((keys / "ed25519").read_bytes())
    lonely.chmod(0o600)
    half = tmp_path / "half"
    Path(f"{half}.pub").write_text(line(keys))
    named = {
        "private": str(keys / "ed25519"),
        "public": str(keys / "ed25519.pub"),
        "relative": os.path.relpath(keys / "ed25519", store.git_dir),
        "home": f"~/{keys.name}/ed25519.pub",
        "lonely private": str(lonely),
        "only .pub there": str(half),
    }[form]
    signer = the_signer(set_up(store, named))
    assert signer.key.split()[:2] == line(keys).split()[:2]
    if form == "only .pub there":
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        with pytest.raises(UsageFault, match="was not signed"):
            signed(signer)
    else:
        assert verify_commit(signed(signer).encode(), {"2": [line(keys)]}).state == "good"


@pytest.mark.usefixtures("agent")
def test_an_agent_signs_with_a_key_that_it_holds(store: GitStore, keys: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(keys / "ed25519"), str(keys / "ecdsa")], check=True)
    ecdsa = line(keys, "ecdsa")
    for text, named in ((line(keys), line(keys)), (line(keys), f"key::{line(keys)}"), (ecdsa, f"key::{ecdsa}")):
        signer = the_signer(set_up(store, named))
        assert signer.key == text
        assert verify_commit(signed(signer).encode(), {"2": [text]}) == Verdict("good", "2")
    with pytest.raises(UsageFault, match="was not signed") as refused:
        signed(the_signer(set_up(store, f"key::{line(keys, 'other')}")))
    assert "modelref-sign-" not in refused.value.message, "names of files that are gone help nobody"
    assert key_fingerprint(line(keys, "other")) in refused.value.message


@pytest.mark.usefixtures("agent")
def test_without_a_key_the_commands_answer_is_taken(store: GitStore, keys: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(keys / "ed25519")], check=True)
    set_up(store, "", **{"gpg.ssh.defaultKeyCommand": "ssh-add -L"})
    assert verify_commit(signed(the_signer(store)).encode(), {"2": [line(keys)]}).state == "good"
    for command in ("echo nothing", "false", "'"):
        set_up(store, "", **{"gpg.ssh.defaultKeyCommand": command})
        with pytest.raises(Forbidden):
            the_signer(store)


@pytest.mark.usefixtures("agent")
def test_a_certificate_is_nobodys_key(store: GitStore, keys: Path, tmp_path: Path) -> None:
    key = tmp_path / "certified"
    keygen("-q", "-t", "ed25519", "-N", "", "-f", key)
    keygen("-q", "-s", keys / "other", "-I", "carol", "-n", "member", f"{key}.pub")
    subprocess.run(["ssh-add", "-q", str(key)], check=True)
    commit = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n")
    signature = keygen("-Y", "sign", "-n", "git", "-f", f"{key}-cert.pub", data=commit.encode())
    payload = replace(commit, signature=signature).encode()
    certificate = Path(f"{key}-cert.pub").read_text().strip()
    listed = [line(keys, "other"), f"cert-authority {line(keys, 'other')}", certificate]
    assert verify_commit(payload, {"2": listed}) == Verdict("unknown_key", None)
    assert signing_key(payload) is None
    with pytest.raises(Invalid, match="certificate"):
        check_key_line(certificate)
    with pytest.raises(Forbidden, match="certificate"):
        signer_of(set_up(store, f"{key}-cert.pub"), required=True)


def test_a_passphrase_that_nobody_can_give_is_a_quick_refusal(
    store: GitStore, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A window that asks would wait for ever where nobody looks, unless the user says that it shall open.
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("SSH_ASKPASS", str(script(tmp_path / "asks", f"touch {tmp_path}/asked; sleep 60")))
    start = time.monotonic()
    with pytest.raises(UsageFault, match="passphrase") as refused:
        signed(the_signer(set_up(store, keys / "locked")))
    assert time.monotonic() - start < 5
    assert not (tmp_path / "asked").exists()
    assert "ssh-add" in (refused.value.hint or "")
    script(tmp_path / "asks", "echo open sesame")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    assert verify_commit(signed(the_signer(store)).encode(), {"2": [line(keys, "locked")]}).state == "good"


SIGNS = """
import fcntl, os, pathlib, sys, termios
from modelref_git.store.git import GitStore
from modelref_git.store.signatures import signer_of
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if "unattended" in sys.argv:
    for number in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
text = signer_of(GitStore.open(pathlib.Path(sys.argv[1])), required=True).sign(b"payload")
pathlib.Path(sys.argv[2]).write_text(text)
"""


@contextmanager
def at_a_terminal(*words: str | Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a terminal of its own, whose other end is given as a file descriptor."""
    ours, theirs = os.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNS, *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment | {"DISPLAY": ":99", "SSH_ASKPASS": "false"},
        cwd=CHECKOUT,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_person_at_a_terminal_is_asked_for_the_passphrase(store: GitStore, keys: Path, tmp_path: Path) -> None:
    set_up(store, keys / "locked")
    with at_a_terminal(store.git_dir, tmp_path / "signature") as (process, terminal):
        said = b""
        while b"passphrase" not in said:
            assert select.select([terminal], [], [], 10)[0], said
            said += os.read(terminal, 1024)
        os.write(terminal, b"open sesame\n")
        assert process.wait(10) == 0
    assert (tmp_path / "signature").read_text().startswith("-----BEGIN SSH SIGNATURE-----\n")


def test_a_job_in_the_background_asks_nobody_though_it_has_a_terminal(
    store: GitStore, keys: Path, tmp_path: Path
) -> None:
    set_up(store, keys / "locked")
    with at_a_terminal(store.git_dir, tmp_path / "signature", "unattended") as (process, _):
        assert process.wait(10) == 1
    assert not (tmp_path / "signature").exists()


def test_the_configured_program_signs(store: GitStore, keys: Path, tmp_path: Path) -> None:
    program = script(tmp_path / "signs", f'echo "$@" >> {tmp_path}/calls\nexec ssh-keygen "$@"')
    set_up(store, keys / "ed25519", **{"gpg.ssh.program": str(program)})
    assert verify_commit(signed(the_signer(store)).encode(), {"2": [line(keys)]}).state == "good"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[:4] for call in calls] == [["-Y", "sign", "-n", "git"]], (
        "verifying trusts no configured program"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 0", "no signature came back"),
        ("echo 'no \x1b[31mcard' >&2; exit 1", r"no \?\[31mcard"),
        ('shift 6; echo junk > "$1.sig"', "not by this key"),
        ("shift 6; exec ssh-keygen -q -Y sign -n git -f OTHER $1", "not by this key"),
    ],
)
def test_a_program_that_does_not_sign_is_no_success(
    store: GitStore, keys: Path, tmp_path: Path, body: str, said: str
) -> None:
    program = script(tmp_path / "signs", body.replace("OTHER", str(keys / "other")))
    set_up(store, keys / "ed25519", **{"gpg.ssh.program": str(program)})
    with pytest.raises(UsageFault, match=said):
        signed(the_signer(store))


def test_a_program_that_hangs_or_is_not_there_is_named(
    store: GitStore, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "SIGN_SECONDS", 0.1)
    set_up(store, keys / "ed25519", **{"gpg.ssh.program": str(script(tmp_path / "hangs", "sleep 5"))})
    with pytest.raises(UsageFault, match=r"hangs did not answer within 0\.1 seconds"):
        signed(the_signer(store))
    set_up(store, keys / "ed25519", **{"gpg.ssh.program": "/nowhere/signs"})
    with pytest.raises(NotFound, match="/nowhere/signs"):
        signed(the_signer(store))


@pytest.mark.parametrize("kind", TYPES)
def test_a_public_key_is_normalised_and_has_the_fingerprint_that_openssh_shows(keys: Path, kind: str) -> None:
    text = line(keys, kind)
    assert check_key_line(f"  {text.replace(' ', chr(9), 1)}  \r\n") == text
    assert check_key_line(" ".join(text.split()[:2])) == " ".join(text.split()[:2])
    assert check_key_line(text) == text
    assert key_fingerprint(text) == keygen("-l", "-f", keys / f"{kind}.pub").split()[1]


def test_a_private_key_is_refused_and_never_repeated(keys: Path) -> None:
    for text in ((keys / "ed25519").read_text(), (keys / "ed25519").read_text().splitlines()[0]):
        with pytest.raises(Invalid, match="private key") as refused:
            check_key_line(text)
        assert_silent(refused.value, (keys / "ed25519").read_text())


def assert_silent(error: ModelrefError, secret: str) -> None:
    said = f"{error.message} {error.hint} {error.details}"
    for start in range(0, len(secret) - 20, 20):
        assert secret[start : start + 20] not in said.replace("PRIVATE KEY", "")


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n", "# comment", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 ????", "ssh-dss AAAAB3NzaC1kc3M="),
        *("{rsa-type} {key}", "{kind} {key} a\n{kind} {key} b", "{kind} {key} a\x1b[31m", 'command="x" {kind} {key}'),
        *("{kind} {short}", "---- BEGIN SSH2 PUBLIC KEY ----"),
    ],
)
def test_what_is_no_public_key_is_refused(keys: Path, text: str) -> None:
    kind, key = line(keys).split()[:2]
    short = base64.b64encode(base64.b64decode(key)[:-1]).decode()
    filled = (
        text.replace("{kind}", kind).replace("{key}", key).replace("{rsa-type}", "ssh-rsa").replace("{short}", short)
    )
    for check in (check_key_line, key_fingerprint):
        with pytest.raises(Invalid) as refused:
            check(filled)
        assert key not in f"{refused.value.message} {refused.value.details}"


def blob(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@pytest.mark.parametrize(
    "data",
    [
        *(blob(b"ssh-ed25519", bytes(31)), blob(b"ssh-ed25519", bytes(33)), blob(b"ssh-ed25519")),
        *(blob(b"ssh-ed25519", bytes(32), b"more"), blob(b"ssh-ed25519", bytes(32)) + b"\0"),
        *(blob(b"ssh-rsa", b"\1", b""), blob(b"ssh-rsa", b"\1", b"\2\3")[:-1], b""),
    ],
)
def test_a_key_that_has_not_the_shape_of_its_type_is_refused(data: bytes) -> None:
    kind = "ssh-rsa" if b"rsa" in data else "ssh-ed25519"
    with pytest.raises(Invalid, match=f"what follows {kind} is no such key"):
        check_key_line(f"{kind} {base64.b64encode(data).decode() or '='}")
    assert check_key_line(f"ssh-ed25519 {base64.b64encode(blob(b'ssh-ed25519', bytes(32))).decode()} c d").endswith(
        " c d"
    )


def test_a_key_of_a_type_that_does_not_count_is_named_so() -> None:
    with pytest.raises(Invalid, match="key types are ssh-ed25519, ssh-rsa"):
        check_key_line("ssh-dss AAAAB3NzaC1kc3M= old")


def test_the_public_half_is_read_from_openssh_files_alone(store: GitStore, tmp_path: Path) -> None:
    public = blob(b"ssh-ed25519", bytes(32))
    for magic, named in ((b"openssh-key-v1\0", True), (b"openssh-key-v2\0", False)):
        body = magic + blob(b"none", b"none", b"") + b"\0\0\0\1" + blob(public)
        (tmp_path / "key").write_text(
            f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(body).decode()}\n-----END PRIVATE KEY-----\n"
        )
        set_up(store, tmp_path / "key")
        if named:
            assert the_signer(store).key == f"ssh-ed25519 {base64.b64encode(public).decode()}"
        else:
            with pytest.raises(Forbidden):
                the_signer(store)


@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    for words in (text, f"ssh-ed25519 {text}"):
        with suppress(Invalid):
            assert check_key_line(check_key_line(words)) == check_key_line(words)
