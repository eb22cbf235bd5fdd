from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelref_git.errors import Forbidden, NotFound
from modelref_git.server.model_files import disposition, local_file

_PARTS = st.sampled_from(
    ["..", ".", "", "in", "out", "sub", "secret", "way", "~", "C:", "\\", "\0", "\u2025", "%2e%2e"]
)
_NAMES = st.one_of(
    st.lists(_PARTS, min_size=1, max_size=6).map("/".join),
    st.lists(_PARTS, min_size=1, max_size=4).map("\\".join),
    st.text(max_size=20),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file, beside a secret that links in it lead to."""
    root = tmp_path_factory.mktemp("tricks")
    inside = root / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "in").write_bytes(b"good")
    (root / "secret").write_bytes(b"bad")
    (root / "out").mkdir()
    (root / "out" / "secret").write_bytes(b"bad")
    (inside / "secret").symlink_to(root / "secret")
    (inside / "way").symlink_to(root / "out")
    (inside / "out").symlink_to("..")
    return inside


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_NAMES)
@example("secret")
@example("way/secret")
@example("out/secret")
@example("../secret")
@example("sub/../../secret")
@example("..\\secret")
@example("sub/in")
@example("x" * 5000)
@example("/".join("x" * 3000))
def test_whatever_a_file_is_called_it_is_below_the_folder(folder: Path, name: str) -> None:
    try:
        found = local_file(folder, {"file_name": name})
    except (Forbidden, NotFound):
        assert name != "sub/in"
        return
    assert found.path.read_bytes() == b"good"


def test_a_folder_that_is_a_link_itself_is_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert local_file(tmp_path / "link", {"file_name": "sub/in"}).status.st_size == 4
    with pytest.raises(Forbidden):
        local_file(tmp_path / "link", {"file_name": "way/secret"})
    with pytest.raises(NotFound):
        local_file(tmp_path / "nowhere", {"file_name": "sub/in"})


@given(name=st.text(min_size=1, max_size=60))
@example('a"b\\c;d')
@example("a\r\nSet-Cookie: x")
@example("sub/\u00fc.bin")
def test_a_name_never_breaks_out_of_its_header(name: str) -> None:
    told = disposition(name)
    assert told.isascii()
    assert told.isprintable()
    quoted = told.removeprefix('attachment; filename="').partition('"')
    assert not set('"\\/%') & set(quoted[0])
    assert quoted[2] == "" or quoted[2].startswith("; filename*=UTF-8''")
