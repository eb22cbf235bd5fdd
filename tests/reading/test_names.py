"""The package offers the reading API by name, and loads nothing of it before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import modelref_git
from modelref_git.reading.export import open_export
from modelref_git.reading.repository import open_dataset
from tests.support.calls import CHECKOUT


def test_the_package_offers_both_ways_to_open() -> None:
    assert modelref_git.open_export is open_export
    assert modelref_git.open_dataset is open_dataset
    assert {"open_export", "open_dataset", "__version__"} <= set(dir(modelref_git))
    with pytest.raises(AttributeError, match="open_nothing"):
        _ = modelref_git.open_nothing  # type: ignore[attr-defined]


def test_the_package_alone_loads_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import modelref_git; "
        "assert set(sys.modules) - before == {'modelref_git'}, set(sys.modules) - before"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, check=False, cwd=CHECKOUT, env={})
    assert done.returncode == 0, done.stderr.decode()
