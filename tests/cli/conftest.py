from __future__ import annotations

from tests.support.files_server import host
from tests.support.fixtures import empty_world, world
from tests.support.receiver import receiver
from tests.support.transports.fixtures import http, httpd, ssh, sshd, transport

__all__ = ["empty_world", "host", "http", "httpd", "receiver", "ssh", "sshd", "transport", "world"]
