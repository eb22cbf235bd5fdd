"""Starting the service: the address, the workers, and what they share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any, Final

import uvicorn

from modelref_git.errors import UsageFault
from modelref_git.server.metrics import MULTIPROCESS
from modelref_git.server.providers import open_providers
from modelref_git.server.repository import Repository
from modelref_git.server.settings import Settings

_APP: Final = "modelref_git.server.app:create_app"
_BACKLOG: Final = 2048


def serve(settings: Settings) -> int:
    """Answer until a signal comes; gives the exit code.

    What is wrong with the repository, the settings or the address is told before anything is started.

    Raises:
        NotFound: there is no dataset repository.
        UsageFault: the address is taken, or is none.
        ModelrefError: a provider of logins cannot be opened.
    """
    repository = Repository(settings)
    open_providers(settings, repository).close()
    if settings.actor and repository.service is None:
        sys.stderr.write(f"warning: {settings.actor} is no member with the role service: no event is attested\n")
    repository.close()
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    os.environ |= settings.as_environment()
    words = "worker" if settings.workers == 1 else "workers"
    shown = f"[{host}]" if ":" in host else host
    sys.stderr.write(f"serving {settings.repo} at http://{shown}:{port} with {settings.workers} {words}\n")
    sys.stderr.flush()
    options: dict[str, Any] = {
        "factory": True,
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "backlog": _BACKLOG,
        "timeout_graceful_shutdown": settings.grace,
        "forwarded_allow_ips": settings.forwarded_allow_ips,
    }
    # Once it has stopped, uvicorn raises the signal anew that asked it to; it was heeded by then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    if settings.workers == 1:
        uvicorn.Server(uvicorn.Config(_APP, **options)).run(sockets=[listening])
        return 0
    listening.close()  # the parent of the workers makes its own
    counted = tempfile.mkdtemp(prefix="modelref-metrics-")
    os.environ[MULTIPROCESS] = counted
    try:
        uvicorn.run(_APP, host=host, port=port, workers=settings.workers, **options)
    finally:
        shutil.rmtree(counted, ignore_errors=True)
    return 0


def _listen(settings: Settings) -> socket.socket:
    """A socket at the address of *settings*.

    Raises:
        UsageFault: the address is taken, or is none.
    """
    made = socket.socket(family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise UsageFault(
            f"{settings.host} port {settings.port} cannot be listened on: {error.strerror or error}",
            hint="take another --port, or 0 for a free one",
        ) from error
    return made
