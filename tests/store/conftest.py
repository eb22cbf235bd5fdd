from __future__ import annotations

from tests.support.fixtures import empty_world, world
from tests.support.transports.fixtures import http, httpd, proxy, server, ssh, sshd, transport

__all__ = ["empty_world", "http", "httpd", "proxy", "server", "ssh", "sshd", "transport", "world"]
