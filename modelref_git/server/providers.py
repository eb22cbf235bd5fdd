"""Who says who asks: the providers of logins that the settings name."""

from __future__ import annotations

import logging
from typing import Final

from modelref_git.errors import UsageFault
from modelref_git.operations.keys import keyring_of
from modelref_git.server.auth.chain import Chain
from modelref_git.server.auth.file import FileProvider
from modelref_git.server.auth.horde import HordeProvider
from modelref_git.server.auth.interface import Provider
from modelref_git.server.auth.keys import KeysProvider
from modelref_git.server.repository import Repository
from modelref_git.server.settings import Settings

_LOG: Final = logging.getLogger("modelref_git.server")


def open_providers(settings: Settings, repository: Repository) -> Chain:
    """The providers of *settings* as one, asked in their order.

    Raises:
        UsageFault: one of them lacks a setting.
        ModelrefError: one of them cannot be opened.
    """
    return Chain([_open(name, settings, repository) for name in settings.auth])


def _open(name: str, settings: Settings, repository: Repository) -> Provider:
    if name == "horde":
        return HordeProvider(settings.horde_url, _LOG.warning)
    if name == "keys":
        ring = keyring_of(repository.loop_context().store, settings.keys_file)
        return KeysProvider(ring, lambda ident: _member_name(repository, ident), _LOG.warning)
    if settings.auth_file is None:
        raise UsageFault(
            "the provider `file` needs the file with its keys",
            hint="name it with --auth-file, or in MODELREF_AUTH_FILE",
        )
    return FileProvider(settings.auth_file, _LOG.warning)


def _member_name(repository: Repository, ident: str) -> str | None:
    member = repository.latest.config.member(ident)
    return None if member is None else member.name
