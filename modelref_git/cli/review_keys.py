"""The keys of a walk: single ones at a terminal, lines of standard input anywhere else."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import click

from modelref_git.cli import review_screen
from modelref_git.errors import UsageFault


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@dataclass(slots=True)
class Keys:
    """Reads decisions from a person or a script."""

    at_terminal: bool = field(default_factory=_is_terminal)

    def key(self, prompt: str) -> tuple[str, str]:
        """One key, and where there is no terminal what follows it on its line; ``q`` at the end of the input.

        What was typed before the prompt is thrown away at a terminal: nothing is decided that was not seen.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        review_screen.write(prompt)
        if not self.at_terminal:
            line = self._read()
            review_screen.write("\n" if line is None else f"{review_screen.shown(line)}\n")
            key, _, rest = (line or "").strip().partition(" ")
            return ("q", "") if line is None else (key, rest.strip())
        try:
            pressed = click.getchar()
        except EOFError:
            pressed = "q"
        # An arrow or function key is several characters, which are no keys of their own.
        key = pressed if pressed.startswith("\x1b") else pressed[:1]
        review_screen.write(f"{key if key.isprintable() else ''}\n")
        return key, ""

    def line(self, prompt: str) -> str | None:
        """One line, or ``None`` at the end of the input."""
        review_screen.write(prompt)
        line = self._read()
        if line is None or not self.at_terminal:
            review_screen.write("\n" if line is None else f"{review_screen.shown(line)}\n")
        return line

    def refuse(self, given: str, text: str) -> None:
        """Say what is wrong with what was *given*; a script is not asked again.

        Raises:
            UsageFault: standard input is no terminal.
        """
        if not self.at_terminal:
            raise UsageFault(f"{given[:60]!r} is no answer: {text}", hint="nothing was decided")
        review_screen.say(text)

    def _read(self) -> str | None:
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError as error:
            raise UsageFault("standard input is not UTF-8", hint="nothing was decided") from error
        return line.rstrip("\r\n") if line else None
