"""The page on moving in: its commands, run one after the other on the real files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.session import CHECKOUT, blocks, play
from tests.support.upstream import Upstream

PAGE = CHECKOUT / "docs" / "moving-in.md"


@pytest.mark.long
def test_its_commands_bring_everything_in_and_the_same_bytes_out(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / ".gitconfig"
    settings.write_text("[user]\n\tname = olivia\n\temail = olivia@people.example\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, source in (("image-repo", "image-legacy"), ("text-repo", "text-legacy-sample")):
        shutil.copytree(real_data / source, tmp_path / name)
        for path in (tmp_path / name).iterdir():
            path.chmod(0o644)
    service = Upstream()
    service.live["esrgan", "RealESRGAN_x4plus"] = {"name": "RealESRGAN_x4plus"}
    service.enqueue("delete", "esrgan", "RealESRGAN_x4plus", None)
    service.write(tmp_path / "service-state")

    lines = [line for block in blocks(PAGE) for line in block.text.splitlines()]
    assert len(lines) == 7
    played = play([*lines, "modelref-git --json verify", "modelref-git changes"], tmp_path)
    assert [row for row in played if "FAILED" in row.output] == []
    assert len(played) == len(lines) + 2
    assert '"ok": true' in played[-2].output
    assert played[-1].output.startswith("1\tpending\tdelete\tesrgan\tRealESRGAN_x4plus\t")
    for name in ("stable_diffusion.json", "controlnet.json", "db.json"):
        assert (tmp_path / "image-repo" / name).read_bytes() == (real_data / "image-legacy" / name).read_bytes()
