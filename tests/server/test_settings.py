from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from modelref_git.errors import UsageFault
from modelref_git.server.settings import Settings

OTHERS = {
    "MODELREF_REPO": "/data/set",
    "MODELREF_ACTOR": "service#90",
    "MODELREF_HOST": "0.0.0.0",
    "MODELREF_PORT": "0",
    "MODELREF_WORKERS": "4",
    "MODELREF_READ_ONLY": "true",
    "MODELREF_AUTH": "horde, keys",
    "MODELREF_HORDE_URL": "http://127.0.0.1:1/api/",
    "MODELREF_AUTH_FILE": "/keys/file.json",
    "MODELREF_KEYS_FILE": "/keys/keys.json",
    "MODELREF_CANONICAL_FORMAT": "legacy",
    "MODELREF_QUEUE": "no",
    "MODELREF_AUDIT": "0",
    "MODELREF_PAGES": "no",
    "MODELREF_WEBHOOKS": "off",
    "MODELREF_CORS_ORIGINS": "https://one.example,https://two.example",
    "MODELREF_MAX_BODY": "2048",
    "MODELREF_RATE_LIMIT": "600",
    "MODELREF_WRITE_WAIT": "2.5",
    "MODELREF_FOLLOW": "0",
    "MODELREF_FILES": "/models",
    "MODELREF_ACCESS_LOG": "False",
    "MODELREF_GRACE": "3",
    "MODELREF_FORWARDED_ALLOW_IPS": "10.0.0.1",
}


def test_every_setting_is_a_variable_of_the_environment() -> None:
    found, usual = Settings.from_environment(OTHERS), Settings()
    assert {f"MODELREF_{item.name.upper()}" for item in fields(Settings)} == OTHERS.keys()
    for item in fields(Settings):
        assert getattr(found, item.name) != getattr(usual, item.name), item.name
    assert found.repo == Path("/data/set")
    assert found.auth == ("horde", "keys")
    assert found.write_wait == 2.5


@pytest.mark.parametrize("environment", [{}, OTHERS], ids=["usual", "others"])
def test_the_processes_that_answer_have_the_settings_of_the_one_that_starts_them(environment: dict[str, str]) -> None:
    found = Settings.from_environment(environment)
    assert Settings.from_environment(found.as_environment()) == found


def test_an_empty_variable_is_none() -> None:
    assert Settings.from_environment({"MODELREF_PORT": "", "MODELREF_FILES": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("PORT", "99999", "from 0 to 65535"),
        ("PORT", "web", "from 0 to 65535"),
        ("WORKERS", "0", "from 1"),
        ("READ_ONLY", "perhaps", "true or false"),
        ("AUTH", "keys,passwords", "keys, horde, file"),
        ("AUTH", "keys,keys", "each once"),
        ("AUTH", "", "keys, horde, file"),
        ("CANONICAL_FORMAT", "v3", "v2 or legacy"),
        ("WRITE_WAIT", "soon", "seconds"),
        ("WRITE_WAIT", "-1", "seconds"),
        ("WRITE_WAIT", "nan", "seconds"),
        ("MAX_BODY", "5", "from 1024"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str, what: str) -> None:
    with pytest.raises(UsageFault, match=what) as caught:
        Settings.from_environment({f"MODELREF_{name}": value})
    assert f"MODELREF_{name}" in caught.value.message
