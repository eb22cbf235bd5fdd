from __future__ import annotations

from typing import Any

import pytest

from modelref_git.cli import render
from tests.support.world import World, clip


def found(world: World, *words: str) -> list[Any]:
    return [record["name"] for record in world.run("search", *words).ok().json["results"]]


def test_the_answer_is_a_page_of_records_as_get_gives_them(world: World) -> None:
    answer = world.run("search", "clip").ok().json
    assert list(answer) == ["results", "total", "offset", "limit", "has_more"]
    assert (answer["total"], answer["offset"], answer["limit"], answer["has_more"]) == (2, 0, 50, False)
    assert answer["results"] == list(world.run("get", "clip").ok().json.values())
    answer = world.run("search", "clip", "--limit", "1").ok().json
    assert (len(answer["results"]), answer["total"], answer["has_more"]) == (1, 2, True)
    answer = world.run("search", "clip", "--offset", "2").ok().json
    assert (answer["results"], answer["total"], answer["has_more"]) == ([], 2, False)
    assert world.run("search", "lora").ok().json["results"] == []


def test_options_filter_and_sort(world: World) -> None:
    assert found(world, "image_generation", "--baseline", "stable_diffusion_xl", "--name-contains", "sdxl") == [
        "AlbedoBase XL (SDXL)", "SDXL 1.0",
    ]  # fmt: skip
    assert found(world, "--name-contains", "VIT-L") == ["ViT-L/14", "coca_ViT-L-14"]
    assert found(world, "image_generation", "--nsfw") == []
    assert len(found(world, "image_generation", "--no-nsfw")) == 9
    assert found(world, "--tag", "13B", "--tag", "coder") == ["codellama/CodeLlama-13b-Instruct-hf"]
    assert found(world, "--where", "/version=2", "--where", "/style=artistic") == [], "2 is a number"
    assert found(world, "--where", '/version="2"', "--where", "/style=artistic") == ["Inkpunk Diffusion"]
    smallest = found(world, "text_generation", "--sort-by", "parameters")
    assert smallest[0] == "gpt2"
    assert found(world, "text_generation", "--sort-by", "parameters", "--desc") == smallest[::-1]


def test_variants_of_text_models_are_no_results(world: World) -> None:
    assert found(world, "--name-contains", "bloom") == ["bigscience/bloom-7b1"]
    assert found(world, "text_generation", "--name-contains", "koboldcpp") == []


def test_a_revision_is_searched_as_it_was(world: World) -> None:
    before = world.git("rev-parse", "main").strip()
    world.apply(world.approve(world.delete("clip", "ViT-L/14"), world.create("clip", "new", clip("new"))))
    assert found(world, "clip") == ["coca_ViT-L-14", "new"]
    assert found(world, "clip", "--at", before) == ["ViT-L/14", "coca_ViT-L-14"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nothing",), 3),
        (("policy",), 3),
        (("clip", "--at", "nowhere"), 3),
        (("clip", "--at", "queue"), 3),
        (("clip", "--where", "/name"), 2),
        (("clip", "--where", "name=x"), 2),
        (("clip", "--where", "/~2=x"), 5),
        (("clip", "--where", "/x=NaN"), 5),
        (("clip", "--sort-by", "zzz"), 2),
        (("--sort-by", "nsfw"), 2),
        (("clip", "--nsfw"), 2),
        (("clip", "--desc"), 2),
        (("clip", "--limit", "0"), 2),
        (("clip", "--offset", "-1"), 2),
    ],
)
def test_bad_words_are_refused(world: World, words: tuple[str, ...], code: int) -> None:
    answer = world.run("search", *words)
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["message"]


def test_the_example_of_a_bad_setting_names_the_option(world: World) -> None:
    assert "--where /nsfw=true" in world.run("search", "clip", "--where", "x").error["message"]


def test_people_get_plain_lines_in_a_pipe_and_are_told_of_more(world: World) -> None:
    answer = world.say("search", "text_generation", "--limit", "1", "--sort-by", "parameters").ok()
    assert answer.out == b"text_generation\tgpt2\t124439808\n"
    assert b"4 more: --offset 1" in answer.err
    line = world.say("search", "clip", "--name-contains", "coca").ok().out.decode().rstrip("\n")
    description = world.run("get", "clip", "coca_ViT-L-14").ok().json["description"]
    assert line.split("\t") == ["clip", "coca_ViT-L-14", description]


def test_people_at_a_terminal_get_a_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "is_terminal", lambda: True)
    lines = world.say("search", "clip").ok().out.decode().splitlines()
    assert lines[0].split() == ["category", "name", "description"]
    assert "\t" not in "".join(lines)


def test_long_and_nasty_texts_are_shown_in_one_short_line(world: World) -> None:
    nasty = clip("odd", description="\x1b[31mred\n\u202e" + "long" * 100)
    world.apply(world.approve(world.create("clip", "odd", nasty)))
    (line,) = world.say("search", "clip", "--name-contains", "odd").ok().out.decode().splitlines()
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert len(line) < 120
