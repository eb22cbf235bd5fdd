"""``search``: the records that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelref_git.cli import render
from modelref_git.cli.app import App, pass_app
from modelref_git.cli.settings import settings
from modelref_git.errors import UsageFault

if TYPE_CHECKING:
    from modelref_git.operations.search import Hit


@click.command("search")
@click.argument("category", required=False)
@click.option("--name-contains", default="", metavar="S", help="Names that contain this text, in any letter case.")
@click.option("--nsfw/--no-nsfw", default=None, help="Only those that are, or are not, prone to unsafe results.")
@click.option("--baseline", metavar="B", help="Only those of this family of models.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="Only those with this tag (repeatable: with all).")
@click.option(
    "--where",
    multiple=True,
    metavar="PTR=VALUE",
    help="Only those with VALUE at a JSON pointer; VALUE is JSON where it parses as JSON, else a text (repeatable).",
)
@click.option("--sort-by", metavar="FIELD", help="Sort by a field, those without it last. Default: stored order.")
@click.option("--desc", "descending", is_flag=True, help="The greatest first.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="How many to pass over.")
@click.option("--limit", type=click.IntRange(min=1), default=50, metavar="N", help="How many; 50 unless given.")
@click.option("--at", "revision", metavar="REV", help="The revision to read. Default: main.")
@pass_app
def command(
    app: App,
    category: str | None,
    name_contains: str,
    nsfw: bool | None,
    baseline: str | None,
    tags: tuple[str, ...],
    where: tuple[str, ...],
    sort_by: str | None,
    descending: bool,
    offset: int,
    limit: int,
    revision: str | None,
) -> None:
    """Find the records of CATEGORY, or of all categories, that match every option."""
    from modelref_git.operations.search import Query, search_records

    if descending and sort_by is None:
        raise UsageFault("--desc goes with --sort-by")
    wanted = tuple(settings(where, option="--where"))
    query = Query(category, name_contains, nsfw, baseline, tags, wanted, sort_by, descending)
    page = search_records(app.context(), query, offset=offset, limit=limit, revision=revision)
    column = sort_by if sort_by not in (None, "name") else "description"
    rows = [(hit.category, hit.name, _shown(hit, column)) for hit in page.hits]
    app.show(page.as_json(), lambda _: render.table(("category", "name", column), rows))
    rest = page.total - offset - len(page.hits)
    if page.hits and rest > 0:
        app.talk(f"{rest} more: --offset {offset + len(page.hits)}")


def _shown(hit: Hit, field: str) -> str:
    value: Any = hit.record.get(field)
    if value is None:
        return ""
    return render.shortened(" ".join(value.split()) if isinstance(value, str) else render.value(value))
