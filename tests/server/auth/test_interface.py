from __future__ import annotations

from dataclasses import fields
from typing import Any

from modelref_git.server.auth.chain import Chain
from modelref_git.server.auth.file import FileProvider
from modelref_git.server.auth.horde import HordeProvider
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable, Login
from modelref_git.server.auth.keys import KeysProvider


def test_a_login_holds_nothing_of_the_key() -> None:
    assert [item.name for item in fields(Login)] == ["user_id", "username", "flags", "provider"]


def test_the_errors_say_what_clients_know() -> None:
    assert AuthTimeout().message == "Auth service timed out"
    assert AuthUnavailable().message == "Auth service unavailable"


def test_every_provider_is_one() -> None:
    kinds: list[Any] = [KeysProvider, HordeProvider, FileProvider, Chain]
    assert [kind.name for kind in kinds] == ["keys", "horde", "file", "chain"]
