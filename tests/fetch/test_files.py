from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError, RemoteFailure
from modelref_git.fetch import part as part_module
from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop, Stopped
from modelref_git.fetch.files import Came, Errand, Wanted, fetch_file, foreseen
from modelref_git.fetch.part import Part, held_part
from modelref_git.fetch.transfer import Patience
from tests.support.files_server import FilesServer, Mood, digest

DATA = bytes(range(256)) * 400
QUICK = Patience(timeout=5, retries=2, pause=0.001)


def errand(folder: Path, *, overwrite: bool = False, patience: Patience = QUICK) -> Errand:
    return Errand(Client(patience.timeout), folder, patience, overwrite)


def wanted(host: FilesServer, **more: Any) -> Wanted:
    row: dict[str, Any] = {"file_name": "a.pt", "url": host.url("/a"), "sha256": digest(DATA), "size": None}
    return Wanted(**{**row, **more})


def fetch(folder: Path, what: Wanted, **more: Any) -> Came:
    return fetch_file(errand(folder, **more), what, Stop(), lambda _done, _total: None)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_a_right_file_gets_its_name_and_leaves_nothing_else(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    came = fetch(tmp_path / "new" / "folder", wanted(host, file_name="deep/er/a.pt"))
    assert came == Came("fetched", len(DATA), digest(DATA))
    assert names(tmp_path) == ["new/folder/deep/er/a.pt"]
    assert (tmp_path / "new/folder/deep/er/a.pt").read_bytes() == DATA


def test_a_wrong_file_never_gets_its_name_and_is_removed(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA + b"!")
    with pytest.raises(IntegrityFailure, match=r"has the sum .* what came was removed"):
        fetch(tmp_path, wanted(host))
    assert names(tmp_path) == []


def test_what_is_there_and_right_is_left_alone(host: FilesServer, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(DATA)
    before = (tmp_path / "a.pt").stat()
    (tmp_path / "a.pt.part.json").write_bytes(b"of a run that was killed right after the renaming")
    assert fetch(tmp_path, wanted(host, url="http://127.0.0.1:9/nobody")).status == "present"
    assert names(tmp_path) == ["a.pt"]
    assert (tmp_path / "a.pt").stat() == before
    assert not host.asked


def test_what_is_there_and_wrong_is_only_replaced_on_demand(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    (tmp_path / "a.pt").write_bytes(b"mine")
    with pytest.raises(IntegrityFailure, match="is there and has the sum") as caught:
        fetch(tmp_path, wanted(host))
    assert "--overwrite" in (caught.value.hint or "")
    assert (tmp_path / "a.pt").read_bytes() == b"mine"
    assert not host.asked
    assert fetch(tmp_path, wanted(host), overwrite=True).status == "fetched"
    assert (tmp_path / "a.pt").read_bytes() == DATA


def test_what_is_there_stays_until_the_right_one_has_come(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", b"another one")
    (tmp_path / "a.pt").write_bytes(b"mine")
    with pytest.raises(IntegrityFailure):
        fetch(tmp_path, wanted(host), overwrite=True)
    assert names(tmp_path) == ["a.pt"]
    assert (tmp_path / "a.pt").read_bytes() == b"mine"


def test_a_file_without_a_sum_is_judged_by_its_size(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    unknown = wanted(host, sha256=None)
    assert fetch(tmp_path, unknown).status == "fetched"
    assert fetch(tmp_path, unknown).status == "present"
    assert fetch(tmp_path, unknown, overwrite=True).status == "fetched"
    assert fetch(tmp_path, wanted(host, sha256=None, size=len(DATA))).status == "present"
    with pytest.raises(IntegrityFailure, match=f"{len(DATA)} bytes, not 5"):
        fetch(tmp_path, wanted(host, sha256=None, size=5))
    (tmp_path / "a.pt").unlink()
    with pytest.raises(IntegrityFailure, match=f"{len(DATA)} bytes, not 5"):
        fetch(tmp_path, wanted(host, sha256=None, size=5))
    assert names(tmp_path) == []


def test_where_there_is_a_sum_a_size_noted_wrongly_does_not_matter(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    assert fetch(tmp_path, wanted(host, size=5)).status == "fetched"


def test_a_later_run_goes_on_where_an_earlier_one_broke_off(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA, moods=[Mood(cut_after=60_000), Mood(status=404)])
    with pytest.raises(RemoteFailure):
        fetch(tmp_path, wanted(host))
    assert names(tmp_path) == ["a.pt.part", "a.pt.part.json"]
    assert foreseen(errand(tmp_path), wanted(host), Stop()).status == "resumed"
    assert fetch(tmp_path, wanted(host)).status == "resumed"
    assert host.asked[-1].headers["Range"] == "bytes=60000-"
    assert names(tmp_path) == ["a.pt"]


@pytest.mark.parametrize("note", [b"", b"{", b"[1]", b'{"url": 5}', b'{"url": "URL", "validator": "a\\r\\nX: y"}'])
def test_a_part_that_nobody_vouches_for_is_not_gone_on_from(host: FilesServer, tmp_path: Path, note: bytes) -> None:
    host.put("/a", DATA)
    (tmp_path / "a.pt.part").write_bytes(DATA[:500])
    (tmp_path / "a.pt.part.json").write_bytes(note.replace(b"URL", host.url("/a").encode()))
    assert fetch(tmp_path, wanted(host)).status == "fetched"
    assert "Range" not in host.asked[0].headers
    assert names(tmp_path) == ["a.pt"]


def _begun(host: FilesServer, folder: Path, part: bytes, *, url: str | None = None) -> None:
    validator = f'"{digest(DATA)[:16]}"'
    (folder / "a.pt.part").write_bytes(part)
    note = {"url": url or host.url("/a"), "validator": validator}
    (folder / "a.pt.part.json").write_text(json.dumps(note))


def test_the_part_of_another_address_is_not_gone_on_from(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    _begun(host, tmp_path, DATA[:500], url=host.url("/b"))
    assert fetch(tmp_path, wanted(host)).status == "fetched"


def test_a_damaged_part_costs_time_and_not_the_file(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    _begun(host, tmp_path, b"\0" * 500)
    assert fetch(tmp_path, wanted(host)).status == "fetched"
    assert len(host.asked) == 2
    assert (tmp_path / "a.pt").read_bytes() == DATA


def test_a_part_that_is_too_long_is_begun_anew(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    _begun(host, tmp_path, DATA + b"and more")
    assert fetch(tmp_path, wanted(host)).status == "fetched"


def test_a_part_that_is_whole_needs_no_host(host: FilesServer, tmp_path: Path) -> None:
    _begun(host, tmp_path, DATA)
    assert fetch(tmp_path, wanted(host)).status == "resumed"
    assert not host.asked
    assert names(tmp_path) == ["a.pt"]


def test_content_that_changes_under_one_validator_is_fetched_whole(host: FilesServer, tmp_path: Path) -> None:
    # The first piece is of an older file; the host does not tell the two apart.
    host.put("/old", b"old" * 30_000, etag='"same"', moods=[Mood(cut_after=50_000)])
    host.put("/a", redirect=(302, "/old"))
    host.put("/new", DATA, etag='"same"')

    def change(done: int, _total: int | None) -> None:
        if done:
            host.files["/a"].redirect = (302, "/new")

    came = fetch_file(errand(tmp_path), wanted(host), Stop(), change)
    assert came == Came("fetched", len(DATA), digest(DATA))


def test_without_a_validator_there_is_no_note_to_go_on_by(host: FilesServer, tmp_path: Path) -> None:
    file = host.put("/a", DATA, moods=[Mood(cut_after=500)])
    with pytest.raises(RemoteFailure):
        fetch(tmp_path, wanted(host), patience=Patience(retries=0))
    assert names(tmp_path) == ["a.pt.part", "a.pt.part.json"]
    file.data, file.etag, file.moods = DATA[::-1], None, [Mood(cut_after=500)]
    with pytest.raises(RemoteFailure):
        fetch(tmp_path, wanted(host), patience=Patience(retries=0))
    assert names(tmp_path) == ["a.pt.part"]


def test_a_page_is_never_stored(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA, content_type="text/html")
    with pytest.raises(RemoteFailure, match="is a web page"):
        fetch(tmp_path, wanted(host))
    assert "a.pt" not in names(tmp_path)


# --- places ----------------------------------------------------------------------------------------------------------


def test_no_link_leads_out_of_the_folder(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "sub").symlink_to(outside)
    (folder / "gone").symlink_to(tmp_path / "nowhere")
    for name in ("sub/a.pt", "sub/deeper/a.pt", "gone/a.pt"):
        for act in (fetch, lambda at, what: foreseen(errand(at), what, Stop())):
            with pytest.raises(Invalid) as caught:
                act(folder, wanted(host, file_name=name))
            assert caught.value.details[0]["rule"] == "file.leads_outside"
    assert names(outside) == []
    assert not (tmp_path / "nowhere").exists()
    (folder / "real").mkdir()
    (folder / "within").symlink_to("real")
    assert fetch(folder, wanted(host, file_name="within/a.pt")).status == "fetched"
    assert (folder / "real" / "a.pt").read_bytes() == DATA


@pytest.mark.parametrize("ending", ["", ".part", ".part.json", ".part.json.new"])
def test_a_link_in_the_place_of_a_file_is_not_written_through(host: FilesServer, tmp_path: Path, ending: str) -> None:
    host.put("/a", DATA)
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.write_bytes(b"precious")
    folder.mkdir()
    (folder / f"a.pt{ending}").symlink_to(outside)
    if ending == ".part":
        with pytest.raises(Invalid) as caught:
            fetch(folder, wanted(host), overwrite=True)
        assert caught.value.details[0]["rule"] == "file.in_the_way"
    else:
        fetch(folder, wanted(host), overwrite=True)
        assert (folder / "a.pt").read_bytes() == DATA
        assert not (folder / "a.pt").is_symlink()
    assert outside.read_bytes() == b"precious"


def test_a_link_to_the_right_file_is_the_right_file(host: FilesServer, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(DATA)
    (tmp_path / "a.pt").symlink_to("blob")
    assert fetch(tmp_path, wanted(host)).status == "present"


def test_what_is_no_file_is_in_the_way(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    (tmp_path / "a.pt").mkdir()
    (tmp_path / "b.pt.part").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "c.pt.part")
    for name in ("a.pt", "b.pt", "c.pt", "file/a.pt"):
        with pytest.raises(Invalid) as caught:
            fetch(tmp_path, wanted(host, file_name=name), overwrite=True)
        assert caught.value.details[0]["rule"] == "file.in_the_way", name


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    tmp_path.chmod(0o500)
    with pytest.raises(Invalid) as caught:
        fetch(tmp_path, wanted(host))
    assert caught.value.details[0]["rule"] == "file.unwritable"


def test_a_disk_that_is_full_is_told_and_the_beginning_kept(
    host: FilesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.put("/a", DATA)
    add = Part.add

    def full(self: Part, data: bytes) -> None:
        add(self, data[:1000])
        raise OSError(28, "No space left on device", "a.pt.part")

    monkeypatch.setattr(Part, "add", full)
    with pytest.raises(Invalid, match="No space left on device"):
        fetch(tmp_path, wanted(host))
    monkeypatch.undo()
    assert fetch(tmp_path, wanted(host)).status == "resumed"


# --- two at a time ---------------------------------------------------------------------------------------------------


def test_the_second_of_two_waits_for_the_first_and_finds_the_file(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    waiting, results = threading.Event(), []

    def second() -> None:
        results.append(fetch_file(errand(tmp_path), wanted(host), Stop(), lambda _a, _b: None, waiting.set))

    with held_part(tmp_path / "a.pt", host.url("/a"), Stop(), lambda: None) as part:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
        part.begin('"x"')
        part.add(DATA)
        part.finish()
    thread.join(10)
    assert results == [Came("present", len(DATA), digest(DATA))]
    assert names(tmp_path) == ["a.pt"]
    assert not host.asked


def test_the_second_of_two_goes_on_where_the_first_gave_up(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    waiting, results = threading.Event(), []

    def second() -> None:
        results.append(fetch_file(errand(tmp_path), wanted(host), Stop(), lambda _a, _b: None, waiting.set).status)

    with held_part(tmp_path / "a.pt", host.url("/a"), Stop(), lambda: None) as part:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
        part.begin(f'"{digest(DATA)[:16]}"')
        part.add(DATA[:1000])
    thread.join(10)
    assert results == ["resumed"]


def test_a_file_that_gets_its_name_between_two_steps_of_another_is_left_alone(
    host: FilesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.put("/a", DATA)
    (tmp_path / "a.pt.part").write_bytes(DATA)
    first = (tmp_path / "a.pt.part").stat().st_ino
    lock = part_module._try_lock

    def overtaken(handle: int) -> bool:
        if (tmp_path / "a.pt.part").stat().st_ino == first:
            (tmp_path / "a.pt.part").rename(tmp_path / "b.pt")
        return lock(handle)

    monkeypatch.setattr(part_module, "_try_lock", overtaken)
    fetch(tmp_path, wanted(host))
    assert names(tmp_path) == ["a.pt", "b.pt"]
    assert (tmp_path / "b.pt").read_bytes() == DATA


def test_whoever_waits_can_be_stopped(host: FilesServer, tmp_path: Path) -> None:
    stop = Stop()
    with held_part(tmp_path / "a.pt", host.url("/a"), Stop(), lambda: None), pytest.raises(Stopped):
        fetch_file(errand(tmp_path), wanted(host), stop, lambda _a, _b: None, stop.say)


def test_many_at_once_bring_one_right_file(host: FilesServer, tmp_path: Path) -> None:
    host.put("/a", DATA)
    results: list[Came] = []
    threads = [threading.Thread(target=lambda: results.append(fetch(tmp_path, wanted(host)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 6
    assert names(tmp_path) == ["a.pt"]
    assert (tmp_path / "a.pt").read_bytes() == DATA


# --- whatever happens ------------------------------------------------------------------------------------------------

_MOODS = st.lists(
    st.builds(Mood, cut_after=st.integers(0, 3000))
    | st.builds(Mood, status=st.sampled_from([404, 416, 429, 500, 503]), retry_after=st.sampled_from([None, "0"])),
    max_size=5,
)
_HOW = st.fixed_dictionaries(
    {},
    optional={
        "etag": st.sampled_from([None, "", '"fixed"', 'W/"weak"']),
        "ranges": st.booleans(),
        "chunked": st.booleans(),
        "says_length": st.booleans(),
        "length": st.integers(0, 4000),
        "content_type": st.sampled_from(["text/html", "model/gguf"]),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=st.lists(st.tuples(st.binary(max_size=3000), _HOW, _MOODS), min_size=1, max_size=3),
    part=st.none() | st.binary(max_size=3000),
    right=st.integers(0, 2),
)
def test_whatever_happens_a_file_has_its_name_only_if_it_is_right(
    host: FilesServer, tmp_path_factory: pytest.TempPathFactory, versions: list[Any], part: bytes | None, right: int
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    what = wanted(host, sha256=digest(versions[right % len(versions)][0]))
    if part is not None:
        _begun(host, folder, part)
    for data, how, moods in versions:
        host.put("/a", data, **how, moods=list(moods))
        try:
            came = fetch(folder, what)
            assert came.sha256 == what.sha256
        except ModelrefError:
            pass
        assert [name for name in names(folder) if not name.startswith("a.pt.part")] in ([], ["a.pt"])
        if (folder / "a.pt").exists():
            assert digest((folder / "a.pt").read_bytes()) == what.sha256
