from __future__ import annotations

import ntpath
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.records import file_names


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "annotator/depth/m.pt", "a b (v1.2)+x.ckpt", ".hidden", "モデル.pt", "...x", "a..b", "COM"],
)
def test_names_of_real_files_are_good(name: str) -> None:
    assert file_names.fault(name) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("..", ".."),
        ("../x", ".."),
        ("a/../../x", ".."),
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("~/x", "~"),
        ("a\\b", "has \\ in it"),
        ("C:x", "has : in it"),
        ("c:/x", "has : in it"),
        ("x.pt:stream", "has : in it"),
        ("a?.pt", "has ? in it"),
        ("a\0b", "nobody sees"),
        ("a\nb", "nobody sees"),
        ("a\u202eb", "nobody sees"),
        ("\ud800", "nobody sees"),
        ("a//b", "empty part"),
        ("./a", "empty part"),
        ("a/.", "empty part"),
        ("a/", "empty part"),
        ("a.", "dot or a blank"),
        ("a /b", "dot or a blank"),
        (" a", "dot or a blank"),
        ("con", "device"),
        ("a/NUL.txt", "device"),
        ("Com1.pt", "device"),
        ("é" * 121, "240 bytes"),
    ],
)
def test_names_that_lead_astray_are_told_why(name: str, word: str) -> None:
    assert word in (file_names.fault(name) or "")


@given(st.text(max_size=40) | st.from_regex(r"[./\\~:a-cC \x00-\x02]{0,12}", fullmatch=True))
def test_a_good_name_stays_below_the_folder_everywhere(name: str) -> None:
    if file_names.fault(name) is not None:
        return
    assert not PurePosixPath(name).is_absolute()
    windows = PureWindowsPath(name)
    assert not windows.is_absolute()
    assert not windows.drive
    assert not windows.root
    # The method is on its way out from Python 3.13 on, where the function is.
    assert not (ntpath.isreserved(name) if sys.version_info >= (3, 13) else windows.is_reserved())
    assert ".." not in windows.parts
    assert (Path("/folder") / name).parts[1] == "folder"
    name.encode()


def test_one_file_on_some_system_is_the_same_file() -> None:
    assert file_names.same_file("A/É.pt") == file_names.same_file("a/e\u0301.PT")
    assert file_names.same_file("a.pt") != file_names.same_file("b.pt")
