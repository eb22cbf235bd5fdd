"""A contributor without rights and without the program: plain git, a clone, and a branch."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody who works in a clone with the ``git`` program alone."""

    clone: Path
    name: str = "Dora"
    email: str = "dora@elsewhere.example"

    @classmethod
    def cloning(cls, remote: Path, clone: Path, **who: str) -> Contributor:
        """One with a fresh clone of *remote*."""
        made = cls(clone, **who)
        made._run("clone", "-q", f"file://{remote}", str(clone))
        return made

    def git(self, *words: str) -> str:
        """What git says in the clone."""
        return self._run("-C", str(self.clone), *words)

    def commit(self, files: Mapping[str, bytes | None], message: str = "By hand") -> str:
        """Change *files* on a new branch of today's ``main``, or on the one that is there; gives the commit."""
        for path, data in files.items():
            place = self.clone / path
            if data is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def _run(self, *words: str) -> str:
        who = ["-c", f"user.name={self.name}", "-c", f"user.email={self.email}"]
        done = subprocess.run(["git", *who, *words], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()
