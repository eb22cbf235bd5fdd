"""``image``: the pictures of a record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, allow_option, dry_run_option, pass_app, path_word, read_input
from modelref_git.cli.propose import by_branch, intake_option, note_option, show_proposal, supersedes_option
from modelref_git.errors import Conflict, NotFound, UsageFault

if TYPE_CHECKING:
    from modelref_git.operations.context import Context
    from modelref_git.operations.pictures import Options


def _detail_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is said of a picture."""
    options = (
        click.option("--prompt", metavar="TEXT", help="What was asked for."),
        click.option("--negative-prompt", metavar="TEXT", help="What was to be avoided."),
        click.option("--seed", type=int, metavar="N", help="The random numbers' beginning."),
        click.option("--steps", type=click.IntRange(1), metavar="N", help="Number of sampling steps."),
        click.option("--cfg-scale", metavar="X", help="How closely the prompt was followed."),
        click.option("--sampler", metavar="NAME", help="The sampler."),
        click.option("--scheduler", metavar="NAME", help="The scheduler."),
        click.option(
            "--lora", "loras", multiple=True, metavar="NAME:STRENGTH", help="A LoRA that took part (repeatable)."
        ),
        click.option(
            "--comfy-workflow", metavar="FILE", help="The workflow of ComfyUI, a JSON file (- for standard input)."
        ),
        click.option(
            "--nsfw-level", type=click.IntRange(0, 3), metavar="0-3", help="From 0, safe for work, to 3, explicit."
        ),
        click.option("--order", "sort_order", type=int, metavar="N", help="Lower ones are shown first."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("image")
def command() -> None:
    """The pictures of a record: list them, and propose to add, change or remove some."""


@command.command("add")
@click.argument("category")
@click.argument("name")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@_detail_options
@note_option
@supersedes_option
@intake_option
@allow_option
@dry_run_option
@pass_app
def add(
    app: App,
    /,
    category: str,
    name: str,
    files: tuple[str, ...],
    note: str | None,
    supersedes: int | None,
    intake: bool | None,
    allow: tuple[str, ...],
    dry_run: bool,
    **given: Any,
) -> None:
    """Propose to add pictures to a record: JPEG, PNG, WebP or GIF files of at most 50 MB.

    What the options say is said of each FILE.
    """
    from modelref_git.operations.pictures import Upload, image_add

    details = _details(given)
    context = app.context(dry_run=dry_run)
    with app.progress("reading pictures", len(files)) as progress:
        uploads = []
        for file in files:
            uploads.append(Upload(read_picture(file), details, file))
            progress()
    options = _options(context, note, supersedes, intake, allow)
    show_proposal(app, image_add(context, category, name, uploads, options), dry_run)


@command.command("list")
@click.argument("category")
@click.argument("name")
@click.option("--at", "revision", metavar="REV", help="The revision. Default: the live dataset.")
@pass_app
def list_command(app: App, category: str, name: str, revision: str | None) -> None:
    """List the pictures of a record, in the order in which they are shown."""
    from modelref_git.operations.pictures import image_list

    app.show(image_list(app.context(), category, name, revision), lambda rows: map(_line, rows))


@command.command("set")
@click.argument("category")
@click.argument("name")
@click.argument("picture", metavar="SHA256")
@_detail_options
@click.option("--clear", multiple=True, metavar="FIELD", help="Take away what is said, such as seed (repeatable).")
@note_option
@supersedes_option
@intake_option
@allow_option
@dry_run_option
@pass_app
def set_command(
    app: App,
    /,
    category: str,
    name: str,
    picture: str,
    clear: tuple[str, ...],
    note: str | None,
    supersedes: int | None,
    intake: bool | None,
    allow: tuple[str, ...],
    dry_run: bool,
    **given: Any,
) -> None:
    """Propose to change what a record says of a picture. The first digits of its SHA256 will do."""
    from modelref_git.operations.pictures import image_set

    context = app.context(dry_run=dry_run)
    fields = [word.replace("-", "_") for word in clear]
    options = _options(context, note, supersedes, intake, allow)
    show_proposal(app, image_set(context, category, name, picture, _details(given), fields, options), dry_run)


@command.command("remove")
@click.argument("category")
@click.argument("name")
@click.argument("names", metavar="SHA256...", nargs=-1, required=True)
@note_option
@supersedes_option
@intake_option
@allow_option
@dry_run_option
@pass_app
def remove(
    app: App,
    category: str,
    name: str,
    names: tuple[str, ...],
    note: str | None,
    supersedes: int | None,
    intake: bool | None,
    allow: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Propose that a record names pictures no more. Their files stay in the history."""
    from modelref_git.operations.pictures import image_remove

    context = app.context(dry_run=dry_run)
    options = _options(context, note, supersedes, intake, allow)
    show_proposal(app, image_remove(context, category, name, names, options), dry_run)


@command.command("get")
@click.argument("picture", metavar="SHA256")
@click.option(
    "--to", "target", required=True, metavar="FILE", help="Where to put it; a file that is there is left alone."
)
@click.option("--at", "revision", metavar="REV", help="The revision. Default: the live dataset.")
@click.option("--change", "change_id", type=int, metavar="ID", help="The proposal that brings it.")
@pass_app
def get(app: App, picture: str, target: str, revision: str | None, change_id: int | None) -> None:
    """Write the file of a picture. The first digits of its SHA256 will do."""
    from modelref_git.operations.pictures import SHORTEST, picture_bytes, picture_names

    if revision is not None and change_id is not None:
        raise UsageFault("--at and --change name two places", hint="leave out one of them")
    context = app.context()
    names = picture_names(context, picture.lower(), revision=revision, change_id=change_id)
    if len(picture) < SHORTEST or len(names) > 1:
        raise UsageFault(f"{picture!r} does not tell which picture is meant", hint="give more of its digits")
    if not names:
        raise NotFound(f"there is no picture {picture}", hint="`modelref-git image list CATEGORY NAME` lists them")
    data = picture_bytes(context, names[0], revision=revision, change_id=change_id)
    _write(path_word(target), data)
    answer = {"sha256": names[0], "path": target, "size_bytes": len(data)}
    app.show(answer, lambda row: f"{row['sha256']} is {row['path']}, {render.counted(row['size_bytes'], 'byte')}\n")


def read_picture(file: str) -> bytes:
    """The bytes of a picture's file. One that is larger than a picture may be is not read.

    Raises:
        NotFound: there is no such file.
        Invalid: it cannot be read, or is too large.
    """
    from modelref_git.errors import Invalid, Problem
    from modelref_git.formats.pictures.parts import BYTES_AT_MOST, SIZE

    path = Path(file)
    size = path.stat().st_size if file not in ("", "-") and path.is_file() else 0
    if size > BYTES_AT_MOST:
        text = f"it has {size:,} bytes, and a picture may have {BYTES_AT_MOST:,}"
        raise Invalid.of(file, [Problem("", text, SIZE)])
    return read_input(file)


def _details(given: dict[str, Any]) -> dict[str, Any]:
    """The members of an entry that options say."""
    from modelref_git.records.json_text import parse

    details = {key: value for key, value in given.items() if value not in (None, ())}
    if "cfg_scale" in details:
        details["cfg_scale"] = _number(details["cfg_scale"], "--cfg-scale")
    if "loras" in details:
        details["loras"] = [_lora(word) for word in details["loras"]]
    if "comfy_workflow" in details:
        file = details["comfy_workflow"]
        details["comfy_workflow"] = parse(read_input(file), what="standard input" if file == "-" else file)
    return details


def _lora(word: str) -> dict[str, Any]:
    name, colon, strength = word.rpartition(":")
    if not colon or not name:
        raise UsageFault(f"{word!r} is not of the form NAME:STRENGTH", hint="for example: --lora add_detail:0.8")
    return {"name": name, "strength": _number(strength, "--lora")}


def _number(text: str, option: str) -> Any:
    """The number that *text* writes, as it is written."""
    from modelref_git.cli.settings import value_of

    value = value_of(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageFault(f"{option} takes a number, and {text!r} is none")
    return value


def _options(
    context: Context, note: str | None, supersedes: int | None, intake: bool | None, allow: tuple[str, ...]
) -> Options:
    from modelref_git.operations.pictures import Options

    return Options(note, allow, supersedes, by_branch(context, intake))


def _line(entry: dict[str, Any]) -> str:
    parts = [str(entry["sha256"])[:12], str(entry.get("media_type", "")).removeprefix("image/")]
    if "width" in entry and "height" in entry:
        parts.append(f"{entry['width']}x{entry['height']}")
    if "size_bytes" in entry:
        parts.append(render.counted(entry["size_bytes"], "byte"))
    if entry.get("nsfw_level"):
        parts.append(f"nsfw {entry['nsfw_level']}")
    if entry.get("prompt"):
        parts.append(render.plain(str(entry["prompt"]))[:72])
    return "  ".join(filter(None, parts))


def _write(path: Path, data: bytes) -> None:
    from modelref_git.errors import Invalid, Problem

    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise Conflict(f"{path} is there already", hint="name another file, or remove that one") from error
    except OSError as error:
        problem = Problem("", f"it cannot be written: {error.strerror}", "file.unwritable")
        raise Invalid.of(str(path), [problem]) from error
