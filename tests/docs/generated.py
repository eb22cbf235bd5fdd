"""Makes the pages that are made from the program: run ``python -m tests.docs.generated`` in the checkout.

With ``--check`` it only compares, names the pages that are out of date, and exits 1 if there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.docs import commands, rules, server, verification

PAGES = {module.PAGE: module.page for module in (commands, rules, server, verification)}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` compare them; gives the exit code."""
    old = [path for path, page in PAGES.items() if not path.is_file() or path.read_text(encoding="utf-8") != page()]
    for path in old:
        sys.stdout.write(f"{path.name}\n")
        if "--check" not in arguments:
            path.write_text(PAGES[path](), encoding="utf-8")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
