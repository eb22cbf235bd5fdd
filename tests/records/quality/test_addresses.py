"""What an address says about itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.records.quality import addresses

FILES = (
    "https://huggingface.co/a/b/resolve/main/model.safetensors",
    "https://huggingface.co/a/b/resolve/main/model.safetensors?download=true",
    "https://huggingface.co/spaces/a/b/resolve/main/x.ckpt",
    "https://huggingface.co/a/b/raw/main/config.json",
    "https://cdn-lfs.huggingface.co/repos/ab/cd",
    "https://civitai.com/api/download/models/306898?type=Model&format=SafeTensor",
    "https://github.com/a/b/releases/download/v1.0/GFPGANv1.4.pth",
    "https://github.com/a/b/raw/main/x.pth",
    "https://github.com/a/b/blob/main/x.pth?raw=true",
    "https://raw.githubusercontent.com/a/b/main/x.pt",
    "https://openaipublic.azureedge.net/clip/models/x/ViT-L-14.pt",
    "https://storage.googleapis.com/b/model*base.pth",
    "https://drive.google.com/uc?export=download&id=1",
    "https://heibox.uni-heidelberg.de/f/578df07c8fc04ffbadf3/?dl=1",
    "HTTP://Example.org:8080/files/x.bin",
)
PAGES = (
    "https://huggingface.co/nitrosocke/Arcane-Diffusion/blob/main/arcane-diffusion-v3.ckpt",
    "https://huggingface.co/a/b/tree/main",
    "https://huggingface.co/a/b",
    "https://huggingface.co/a",
    "https://HuggingFace.co",
    "https://www.huggingface.co/a/b/blob/main/x",
    "https://civitai.com/models/4201/realistic-vision-v12",
    "https://civitai.com/models/4201?modelVersionId=5",
    "https://github.com/a/b",
    "https://github.com/a/b/blob/main/x.pth",
    "https://github.com/a/b/tree/main",
    "https://github.com/a/b/releases",
    "https://github.com/a/b/releases/tag/v1",
    "https://gitlab.com/a/b/-/blob/main/x.ckpt",
    "https://pixeldrain.com/u/dtYiYN7g",
    "https://drive.google.com/file/d/1abc/view",
    "https://mega.nz/file/abc#key",
    "https://example.org/",
    "https://example.org/models/index.html",
)


@pytest.mark.parametrize("url", FILES)
def test_addresses_of_files_pass(url: str) -> None:
    assert addresses.no_file(url) is None
    assert addresses.form_fault(url) is None
    assert addresses.secret_in(url) is None


@pytest.mark.parametrize("url", PAGES)
def test_addresses_of_web_pages_are_told(url: str) -> None:
    assert addresses.no_file(url) == "a web page"


def test_a_pointer_in_the_place_of_a_large_file_is_told() -> None:
    found = addresses.no_file("https://huggingface.co/spaces/a/b/raw/main/mistoon.safetensors")
    assert found == "a pointer of a few lines to the file"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://example.org/x", "is no whole http or https address"),
        ("example.org/x", "is no whole http or https address"),
        ("/models/x", "is no whole http or https address"),
        ("https://", "is no whole http or https address"),
        ("https:///x", "is no whole http or https address"),
        ("https://example.org/a b", "has white space in it"),
        (" https://example.org/a", "has white space in it"),
        ("https://example.org/a\n", "has white space in it"),
        ("https://example.org/<name>", "has '<' in it, which no address has"),
        ("https://{username}:{password}@huggingface.co/x", "has '{' in it, which no address has"),
    ],
)
def test_what_is_no_address_is_told(url: str, fault: str) -> None:
    assert addresses.form_fault(url) == fault


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://civitai.com/api/download/models/1?token=0123abcd", "token"),
        ("https://civitai.com/api/download/models/1?type=Model&Token=0123abcd#x", "token"),
        ("https://example.org/x?api_key=k", "api_key"),
        ("https://user:hunter2@example.org/x", "password"),
        ("https://civitai.com/api/download/models/1?token={TOKEN}", None),
        ("https://civitai.com/api/download/models/1?token=$TOKEN", None),
        ("https://civitai.com/api/download/models/1?token=YOUR_TOKEN", None),
        ("https://civitai.com/api/download/models/1?token=", None),
        ("https://example.org/x?tokens=5", None),
        ("https://example.org/x#token=5", None),
        ("https://user@example.org/x", None),
        ("https://{username}:{password}@example.org/x", None),
    ],
)
def test_a_secret_is_told_and_a_gap_to_fill_in_is_none(url: str, name: str | None) -> None:
    assert addresses.secret_in(url) == name


@pytest.mark.parametrize(
    ("url", "is_ambiguous"),
    [
        ("https://civitai.com/api/download/models/46846", True),
        ("https://civitai.com/api/download/models/46846?token=x", True),
        ("https://civitai.com/api/download/models/46846?type=Model&format=SafeTensor", False),
        ("https://civitai.com/api/download/models/46846?fileId=2819621", False),
        ("https://example.org/api/download/models/46846", False),
        ("https://civitai.com/api/download/training-data/1", False),
    ],
)
def test_a_version_of_several_files_needs_a_choice(url: str, is_ambiguous: bool) -> None:
    assert addresses.is_ambiguous(url) is is_ambiguous


@pytest.mark.parametrize(
    ("path", "extension"),
    [("a/b.CKPT", ".ckpt"), ("a.b/c", ""), (".hidden", ""), ("x.", "."), ("a.tar.gz", ".gz"), ("", "")],
)
def test_the_extension_is_that_of_the_last_part(path: str, extension: str) -> None:
    assert addresses.extension(path) == extension


@given(st.text() | st.from_regex(r"https?://[ -~]*", fullmatch=True))
def test_any_text_can_be_asked(url: str) -> None:
    assert addresses.form_fault(url) is None or isinstance(addresses.form_fault(url), str)
    for ask in (addresses.no_file, addresses.secret_in, addresses.is_ambiguous, addresses.host_of, addresses.path_of):
        ask(url)
    assert dict(addresses.query(url)) is not None
