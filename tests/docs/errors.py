"""Makes `docs/errors.md` from the classes of errors: see :mod:`tests.docs.generated`."""

from __future__ import annotations

from collections.abc import Iterator

from modelref_git import errors
from modelref_git.cli.exits import CODES, INTERRUPTED
from modelref_git.server.faults import STATUS, refusal_of
from tests.docs.session import CHECKOUT
from tests.docs.shapes import table

PAGE = CHECKOUT / "docs" / "errors.md"

_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from the classes of errors; edits here are lost. -->

# Errors

What is refused or fails has one of these words, whoever says it: `error.code` of a command with `--json`,
`reason.code` over [HTTP](http.md#errors), and the `code` of the class in Python. Its message names the thing and what
is wrong with it, its hint the next step, and its details are one entry a fault.
"""

_MORE = f"""\
A command that was interrupted exits with {INTERRUPTED}. Routes that older clients know have statuses of their own for
some refusals: [routes](api.md) lists all that each can answer.

## In Python

Classes of `modelref_git.errors`; all are kinds of `ModelrefError`, with `code`, `message`, `hint` and `details`.
"""


def page() -> str:
    """The whole page."""
    words = [(code, str(number), str(STATUS[code]), _meaning(code)) for code, number in CODES.items()]
    classes = [(one.__name__, f"`{one.code}`", str(refusal_of(one("x")).status), _sentence(one)) for one in _classes()]
    return "\n".join(
        [
            _FRONT,
            table(("word", "exit code", "status over HTTP", "when"), words),
            _MORE,
            table(("class", "word", "status over HTTP", "when"), classes),
        ]
    )


def _classes() -> Iterator[type[errors.ModelrefError]]:
    """The classes in the order of their module."""
    for one in vars(errors).values():
        if isinstance(one, type) and issubclass(one, errors.ModelrefError) and one is not errors.ModelrefError:
            yield one


def _meaning(code: str) -> str:
    return next((_sentence(one) for one in _classes() if one.code == code), "A defect of the program.")


def _sentence(one: type[errors.ModelrefError]) -> str:
    return (one.__doc__ or "").split("\n\n")[0].replace("``", "`")
