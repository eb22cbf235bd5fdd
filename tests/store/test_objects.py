from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.store.objects import EMPTY_TREE, Commit, ObjectBuffer, Signature, object_id, split_signature
from tests.store.builders import SOMEBODY, bare, commit, fsck, git

OID = st.binary(min_size=20, max_size=20).map(bytes.hex)
LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n"))
SIGNATURES = st.lists(LINE, min_size=1).map(lambda lines: "".join(f"{line}\n" for line in lines))
HEADERS = st.tuples(
    st.sampled_from(["encoding", "mergetag", "gpgsigs", "Gpgsig", "x-gpgsig"]), st.lists(LINE, min_size=1)
).map(lambda row: (row[0] + " " + "\n ".join(row[1])).encode())
PLAIN = st.text(st.characters(categories=("L", "N")), min_size=1)


@pytest.mark.parametrize("payload", [b"", b"{}\n", b"\0\r\n" * 1000])
def test_an_object_has_the_id_that_git_gives_it(payload: bytes) -> None:
    assert object_id("blob", payload) == str(pygit2.hash(payload))


def test_the_tree_without_entries_has_the_id_that_git_knows() -> None:
    assert object_id("tree", b"") == EMPTY_TREE


@given(
    tree=OID,
    parents=st.lists(OID, max_size=4),
    names=st.tuples(PLAIN, PLAIN),
    time=st.integers(0, 2**40),
    message=st.text(st.characters(codec="utf-8")),
    signature=st.just("") | SIGNATURES,
)
def test_a_commit_reads_back_as_it_was_written(
    tree: str, parents: list[str], names: tuple[str, str], time: int, message: str, signature: str
) -> None:
    author, committer = Signature(names[0], "a@b", time), Signature(names[1], "", time)
    written = Commit(tree, tuple(parents), author, committer, message, signature=signature)
    payload = written.encode()
    oid = object_id("commit", payload)
    assert Commit.decode(oid, payload) == replace(written, id=oid)
    assert split_signature(payload) == (replace(written, signature="").encode(), signature)


@given(
    before=st.lists(HEADERS, max_size=3),
    after=st.lists(HEADERS, max_size=3),
    foreign=st.none() | SIGNATURES,
    signature=SIGNATURES,
    message=st.none() | st.binary(),
)
def test_a_signature_is_split_from_what_it_signs_whatever_stands_around_it(
    before: list[bytes], after: list[bytes], foreign: str | None, signature: str, message: bytes | None
) -> None:
    first = [b"tree " + EMPTY_TREE.encode(), b"author A <a@b> 1 +0000", b"committer C <c@d> 2 +0000", *before]
    rest = b"" if message is None else b"\n\n" + message

    def header(key: str, text: str) -> bytes:
        return (f"{key} " + text.removesuffix("\n").replace("\n", "\n ")).encode()

    unsigned = b"\n".join([*first, *after]) + rest
    marks = [header("gpgsig", signature), *([] if foreign is None else [header("gpgsig-sha256", foreign)])]
    for rows in (marks, marks[::-1]):
        assert split_signature(b"\n".join([*first, *rows, *after]) + rest) == (unsigned, signature)
    assert split_signature(unsigned) == (unsigned, "")
    assert Commit.decode("", b"\n".join([*first, *marks, *after]) + rest).signature == signature


@given(st.binary() | st.binary().map(lambda data: b"tree 0\ngpgsig " + data))
def test_any_bytes_split_and_decode_without_a_fault(payload: bytes) -> None:
    assert Commit.decode("", payload).signature == split_signature(payload)[1]


def test_several_signatures_of_one_commit_are_strung_together() -> None:
    head, tail = b"tree 0", b"\n\nm\ngpgsig no\n"
    assert split_signature(head + b"\ngpgsig a\n b\ngpgsig  c" + tail) == (head + tail, "a\nb\n c\n")


def test_a_signature_may_lack_its_last_line_break() -> None:
    commit = Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "m\n", signature="a\nb")
    assert commit.encode() == replace(commit, signature="a\nb\n").encode()


@given(st.text(), st.text())
def test_no_name_or_address_can_break_the_line_of_a_signature(name: str, email: str) -> None:
    line = Signature(name, email, 7).encode()
    assert line.count(b"<") == line.count(b">") == 1
    assert not {0, 10, 13} & set(line)
    assert line.endswith(b"> 7 +0000")
    assert not line.startswith(b" ")


def test_git_reads_a_commit_by_somebody_with_an_awkward_name(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    objects = store.buffer()
    objects.add("tree", b"")
    oddly = Signature("  Eve <evil@x>\nparent 00\0 ,", "a<b>@\x7fc", 1_750_000_000)
    blank = Signature(" .,", "", 1_750_000_000)
    oid = objects.add_commit(Commit(EMPTY_TREE, (), oddly, blank, "subject\n\nbody\n"))
    store.write(objects)
    store.refs.move("refs/heads/main", None, oid)
    assert git(store.git_dir, "log", "--format=%an|%ae|%cn|%s") == "Eve ?evil@x??parent 00?|a?b?@?c|unknown|subject\n"
    fsck(store.git_dir)


def test_headers_that_are_not_ours_are_passed_over(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    head = commit(store, {"a": b"1"})
    payload = store.read(head)[1].replace(
        b"\n\n", b"\nencoding UTF-8\nmergetag object 00\n tree 00\n parent 11\n gpgsig no\n\n", 1
    )
    assert Commit.decode("", payload) == Commit.decode("", store.read(head)[1])


def test_a_time_that_is_no_number_reads_as_zero() -> None:
    payload = b"tree " + EMPTY_TREE.encode() + b"\nauthor A <a@b> soon +0000\ncommitter C <c@d> -5 +0200\n\nm"
    read = Commit.decode("", payload)
    assert (read.author.time, read.committer.time) == (0, -5)


def test_the_subject_is_the_first_line() -> None:
    assert Commit(EMPTY_TREE, (), SOMEBODY, SOMEBODY, "one\n\ntwo\n").subject == "one"


def test_a_buffer_gives_what_it_holds_before_what_is_stored() -> None:
    asked = []

    def read(oid: str) -> tuple[str, bytes]:
        asked.append(oid)
        raise KeyError(oid)

    objects = ObjectBuffer(read)
    oid = objects.add("blob", b"held")
    assert (objects.read(oid), objects.read_blob(oid), asked) == (("blob", b"held"), b"held", [])
    objects.add("blob", b"held")
    assert len(objects) == 1
    objects.clear()
    with pytest.raises(KeyError):
        objects.read(oid)
    assert asked == [oid]


def test_an_object_that_is_not_there_is_an_integrity_failure(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    head = commit(store, {"a": b"1"})
    for missing in ("0" * 39 + "1", "no id"):
        with pytest.raises(IntegrityFailure):
            store.read(missing)
    with pytest.raises(IntegrityFailure, match="a tree, not a commit"):
        store.read_commit(store.read_commit(head).tree)
