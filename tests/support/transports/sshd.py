"""A real sshd on the loopback: the current user's, with keys, settings and a log of its own.

It is started once for each connection, with the connection as its standard input (``sshd -i``): so there is no port
to lose to somebody else, it runs as any user, and whoever lets a connection die leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

WAIT = 120.0
"""Seconds that a step of an installation of sshd may take."""

FAILED = Path(tempfile.gettempdir(), "modelref-tests-sshd.failed")
"""Why the last installation failed: the other workers of these tests do not try again."""
FAILED_FOR = 900.0
"""Seconds for which that is believed."""


class NoSshd(Exception):
    """There is no sshd here, and none can be installed; says why."""


def find_sshd() -> str:
    """The path of sshd, installed where that is possible.

    Raises:
        NoSshd: there is none.
    """
    if shutil.which("ssh") is None and _apt() is None:
        raise NoSshd("there is no ssh")
    found = _sshd()
    if found is None or shutil.which("ssh") is None:
        with Path(tempfile.gettempdir(), "modelref-tests-sshd.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # each worker of the tests comes along here
            if _sshd() is None or shutil.which("ssh") is None:
                _install_once()
        found = _sshd()
    if found is None:
        raise NoSshd("openssh-server is installed, and brought no sshd")
    if os.geteuid() == 0:
        # Root's sshd wants a folder to lock itself into.
        Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    return found


def _install_once() -> None:
    """Install OpenSSH, unless that has just failed.

    Raises:
        NoSshd: it is not possible.
    """
    if FAILED.is_file() and time.time() - FAILED.stat().st_mtime < FAILED_FOR:
        raise NoSshd(FAILED.read_text())
    try:
        _install()
    except NoSshd as error:
        FAILED.write_text(str(error))
        raise


def _sshd() -> str | None:
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def _apt() -> str | None:
    return shutil.which("apt-get") if os.geteuid() == 0 else None


def _install() -> None:
    """Install OpenSSH by apt-get.

    Raises:
        NoSshd: that is not possible.
    """
    apt = _apt()
    if apt is None:
        raise NoSshd("there is no sshd, and only root can install one by apt-get; install openssh-server")
    if Path("/run/systemd/system").is_dir():
        raise NoSshd("there is no sshd, and installing one here would start it for everybody; install openssh-server")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-q", "-y", "--no-install-recommends", "openssh-server", "openssh-client"]
    said = ""
    for words in (install, [apt, "update", "-q"], install):
        try:
            done = subprocess.run(words, env=env, capture_output=True, timeout=WAIT, check=False)
        except subprocess.TimeoutExpired as error:
            raise NoSshd(f"there is no sshd, and `{' '.join(words)}` took more than {WAIT:g} seconds") from error
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        if words is install and done.returncode == 0:
            return
    raise NoSshd(f"there is no sshd, and it cannot be installed: {said.splitlines()[-1] if said else 'apt-get failed'}")


class SshServer:
    """Lets in whoever has a key that it made, as the user who runs the tests.

    Raises:
        NoSshd: there is no sshd.
    """

    name = "ssh"

    def __init__(self, folder: Path) -> None:
        self._program = find_sshd()
        self.folder = folder
        self._lock = threading.Lock()
        self._names = itertools.count()
        self._running: dict[subprocess.Popen[bytes], None] = {}
        self._threads: list[threading.Thread] = []
        self._make_keys()
        self._write_settings()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def url(self, repository: Path, *, port: int | None = None) -> str:
        """The address of *repository*, or that of a proxy's *port*."""
        return f"ssh://{pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1:{port or self.port}{repository.resolve()}"

    @property
    def env(self) -> dict[str, str]:
        """The variables with which git comes in, with every right."""
        return self.client(self._everybody)

    def client(self, key: Path) -> dict[str, str]:
        """The variables with which git comes in by *key*."""
        words = ["ssh", "-F", str(self.folder / "ssh_config"), "-i", str(key)]
        return {"GIT_SSH_COMMAND": " ".join(shlex.quote(word) for word in words), "GIT_SSH_VARIANT": "ssh"}

    def key(self, name: str, *options: str) -> Path:
        """A further key, let in with *options* as in ``authorized_keys``, such as ``environment="NAME=value"``."""
        path = self.folder / f"{name}-{next(self._names)}"
        _keygen(path)
        with (self.folder / "authorized_keys").open("a") as file:
            file.write(f"{','.join(options)} {path.with_suffix('.pub').read_text()}".lstrip())
        return path

    def key_for(self, name: str, script: str) -> Path:
        """A further key, with which nothing runs but *script*, of the shell; ``$SSH_ORIGINAL_COMMAND`` was wanted."""
        file = self.folder / f"{name}-{next(self._names)}.sh"
        file.write_text(script)
        return self.key(name, f'command="sh {shlex.quote(str(file))}"')

    @property
    def log(self) -> str:
        """What it had to say."""
        return (self.folder / "log").read_text(errors="replace")

    def kill_all(self) -> None:
        """Kill whatever serves somebody just now."""
        with self._lock:
            for process in self._running:
                process.kill()

    def close(self) -> None:
        """Let nobody in any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(10)
        self.kill_all()
        for thread in self._threads:
            thread.join(10)

    def _make_keys(self) -> None:
        _keygen(self.folder / "host")
        _keygen(self.folder / "stranger")
        self._everybody = self.key("everybody")
        kind, line = (self.folder / "host.pub").read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"modelref-tests {kind} {line}\n")
        (self.folder / "no_known_hosts").write_text("")

    def _write_settings(self) -> None:
        folder = self.folder
        for name, rows in (("sshd_config", self._server_settings()), ("ssh_config", self._client_settings())):
            lines = [f"{key} {value}\n" for key, value in rows.items()]
            (folder / name).write_text("".join(lines))
        # Newer ones shut out an address that broke off often, which here is everybody's.
        longer = folder / "sshd_config.more"
        longer.write_text((folder / "sshd_config").read_text() + "PerSourcePenalties no\n")
        if subprocess.run([self._program, "-t", "-f", str(longer)], capture_output=True, check=False).returncode == 0:
            longer.replace(folder / "sshd_config")

    def _server_settings(self) -> dict[str, Any]:
        folder = self.folder
        return {
            "HostKey": folder / "host",
            "AuthorizedKeysFile": folder / "authorized_keys",
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PermitRootLogin": "yes",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitUserEnvironment": "yes",
            "PrintMotd": "no",
            "PrintLastLog": "no",
            "UseDNS": "no",
            "LogLevel": "ERROR",
            # As the tests' own processes are set up: no settings of whoever runs them.
            "SetEnv": "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1",
        }

    def _client_settings(self) -> dict[str, Any]:
        return {
            "HostKeyAlias": "modelref-tests",  # whatever port a proxy has
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "ControlMaster": "no",
            "KexAlgorithms": "curve25519-sha256",  # the others are slower, and here nobody listens
            "LogLevel": "ERROR",
        }

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads = [row for row in self._threads if row.is_alive()]
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        words = [self._program, "-i", "-e", "-f", str(self.folder / "sshd_config")]
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        with connection, (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(words, stdin=connection, stdout=connection, stderr=log, env=env)
        with self._lock:
            self._running[process] = None
        with process:
            process.wait()
        with self._lock:
            del self._running[process]


def _keygen(path: Path) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
