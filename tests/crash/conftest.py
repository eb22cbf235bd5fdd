from __future__ import annotations

from tests.support.transports.fixtures import http, httpd, ssh, sshd

__all__ = ["http", "httpd", "ssh", "sshd"]
