from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, ModelrefError, NotFound
from modelref_git.server.auth.file import FileProvider
from modelref_git.server.auth.interface import Login

SECRET = "the-secret-key"


def _write(path: Path, keys: Any) -> Path:
    path.write_text(json.dumps({"keys": keys}))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return _write(
        tmp_path / "auth.json",
        {
            SECRET: {"user_id": "2", "username": "carol#2"},
            "arthurs": {"user_id": "3", "username": "arthur", "flags": ["moderator", "trusted"]},
        },
    )


@pytest.mark.parametrize("for_write", [True, False])
def test_a_key_is_whose_the_file_says(path: Path, for_write: bool) -> None:
    provider = FileProvider(path, lambda _: None)
    assert provider.identify(SECRET, for_write=for_write) == Login("2", "carol#2", (), "file")
    arthur = provider.identify("arthurs", for_write=for_write)
    assert arthur == Login("3", "arthur#3", ("moderator", "trusted"), "file")
    assert provider.identify("other", for_write=for_write) is None
    assert provider.is_local
    provider.close()


def test_the_file_is_read_again_when_it_changes(path: Path) -> None:
    provider = FileProvider(path, lambda _: None)
    for number in range(5):
        _write(path, {f"key{number}": {"user_id": "2", "username": "carol#2"}})
        assert provider.identify(f"key{number}", for_write=True) is not None
        assert provider.identify(SECRET, for_write=True) is None


def test_while_the_file_is_broken_the_keys_before_stay_good_and_it_is_told_once(path: Path) -> None:
    told: list[str] = []
    provider = FileProvider(path, told.append)
    good = path.read_bytes()
    for broken in (b"{", None):
        if broken is None:
            path.unlink()
        else:
            path.write_bytes(broken)
        assert [provider.identify(SECRET, for_write=True) is not None for _ in range(3)] == [True] * 3
    assert len(told) == 2
    assert all(str(path) in text and "stay good" in text for text in told)
    path.write_bytes(good)
    assert provider.identify(SECRET, for_write=True) is not None
    assert len(told) == 2


def test_no_file_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.json"):
        FileProvider(tmp_path / "nowhere.json", lambda _: None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": {"%s": 7}}',
        '{"keys": {"%s": {"user_id": "2"}}}',
        '{"keys": {"%s": {"user_id": 2, "username": "carol#2"}}}',
        '{"keys": {"%s": {"user_id": "", "username": "carol#"}}}',
        '{"keys": {"%s": {"user_id": "2", "username": "carol#3"}}}',
        '{"keys": {"%s": {"user_id": "2", "username": "car\\nol#2"}}}',
        '{"keys": {"%s": {"user_id": "2", "username": "carol#2", "flags": "moderator"}}}',
        '{"keys": {"%s": {"user_id": "2", "username": "carol#2", "flags": [7]}}}',
        '{"keys": {"": {"user_id": "2", "username": "carol#2"}}}',
        '{"keys": {"%s": {"user_id": "2", "username": "carol#2"}, "%s": {"user_id": "2", "username": "carol#2"}}}',
        '{"keys": {"%s": nope}}',
    ],
)
def test_a_file_of_another_form_is_told_without_its_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text.replace("%s", SECRET))
    with pytest.raises(Invalid) as caught:
        FileProvider(path, lambda _: None)
    assert str(path) in caught.value.message
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + str(caught.value.details)


def test_no_key_stays_in_memory_or_is_shown(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    provider = FileProvider(path, lambda _: None)
    provider.identify(SECRET, for_write=True)
    assert SECRET not in repr(vars(provider)) + caplog.text


@given(token=st.text() | st.characters(categories=["Cs"]))
def test_no_text_lets_anybody_in_or_breaks_anything(token: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "auth.json"
    if not path.exists():
        _write(path, {SECRET * 9: {"user_id": "2", "username": "carol#2"}})
    assert FileProvider(path, lambda _: None).identify(token, for_write=False) is None


@given(data=st.binary())
def test_any_bytes_are_refused_in_our_own_words(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any-auth.json"
    path.write_bytes(data)
    with pytest.raises(ModelrefError):
        FileProvider(path, lambda _: None)
