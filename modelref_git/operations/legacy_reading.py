"""Legacy reading: the file that older clients read of a category, made from what is live."""

from __future__ import annotations

import json

from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.text import files as text_files
from modelref_git.formats.text.groups import with_groups
from modelref_git.operations.context import Context
from modelref_git.operations.export import legacy_file, make_legacy
from modelref_git.operations.order import stored_order
from modelref_git.operations.read import dataset_at
from modelref_git.records import codec
from modelref_git.records.categories import TEXT_GENERATION


def read_legacy(
    ctx: Context, category: str, revision: str | None = None, *, include_group: bool = False
) -> bytes | None:
    """The bytes of the file that older clients read of a category; of text models it is ``db.json``.

    Args:
        ctx: the repository.
        category: any category; ``None`` is answered where the dataset has no records of it, or it has no such file.
        revision: the revision; the log's ``main`` if not given.
        include_group: of text models: each entry with its group besides, in the layout of a new file.

    Raises:
        NotFound: there is no such revision.
        Invalid: a record or the format profile is not what it must be.
    """
    dataset = dataset_at(ctx, revision)
    if category not in dataset.config.categories or legacy_file(category) is None:
        return None
    blobs = stored_order(ctx.store, dataset, category, ctx.warn)
    if not blobs:
        return None
    made, _ = make_legacy("", category, blobs, dataset.legacy_files(category))
    files = {file.path: file.data for file in made}
    data = files[text_files.GENERATED if category == TEXT_GENERATION else legacy_file(category) or ""]
    if not include_group:
        return data
    records = [(name, codec.decode(blob)) for name, blob in blobs]
    return legacy_profile.write(with_groups(json.loads(data), records), {})
