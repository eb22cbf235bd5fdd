"""Check: every rule, on a revision of the dataset, on what two revisions differ in, or on files.

Nothing is written but the lookup, which may be deleted at any time. No role is needed, and a clone without the queue
will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from modelref_git.errors import NotFound, Problem
from modelref_git.operations.checking.around import around, readable
from modelref_git.operations.checking.findings import CheckReport, structural
from modelref_git.operations.checking.hosts import DEFAULTS, CheckOptions, Hosts
from modelref_git.operations.checking.records import Judge
from modelref_git.operations.checking.settings import check_config, check_schemas, check_unused
from modelref_git.operations.context import Context
from modelref_git.operations.verifying.records import MISPLACED, look_alikes, place_problem
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.names import fold
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.trees import Entry, compare, find, read_tree, walk

Key = tuple[str, str]
"""Category and name."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A record of a range: what it replaces, and the look-alike whose place it takes."""

    before: str | None
    renamed_from: str | None


def check_revision(ctx: Context, revision: str | None = None, options: CheckOptions = DEFAULTS) -> CheckReport:
    """Check every record of a revision, its configuration and its schemas.

    Args:
        ctx: the way in.
        revision: a branch, tag or commit; the log's ``main`` unless given.
        options: how to go about it.

    Raises:
        NotFound: there is no such revision, or it holds no dataset.
        UsageFault: what is allowed is no rule.
    """
    report = options.report()
    dataset = ctx.dataset() if revision is None else _dataset_at(ctx, revision)
    config = check_config(report, dataset)
    if config is None:
        return report
    schemas = check_schemas(report, dataset, config.categories)
    folder = find(dataset.objects, dataset.tree, layout.DATASET)
    files = list(walk(dataset.objects, _oid(folder), f"{layout.DATASET}/"))
    _look_alikes(report, dataset, config, files)
    hosts = Hosts(options)
    with around(ctx.store, dataset, _live(ctx)) as others:
        judge = Judge(config, schemas.get, others, _pictures_of(dataset))
        for path, entry in files:
            options.progress()
            _check_file(report, judge, dataset, path, entry, None, hosts)
    hosts.ask(report, config, ctx)
    return report


def check_range(ctx: Context, old: str, new: str, options: CheckOptions = DEFAULTS) -> CheckReport:
    """Check what the revision *new* changes of *old*, against the dataset at *new*.

    Of a record only what was not there before is found. The configuration is checked if it differs, and all records of
    a category whose schema does.

    Args:
        ctx: the way in.
        old: the revision before; the log's ``main`` if empty, as for *new*.
        new: the revision after.
        options: how to go about it.

    Raises:
        NotFound, UsageFault: as `check_revision`.
    """
    report = options.report()
    before, after = (_dataset_at(ctx, name) if name else ctx.dataset() for name in (old, new))
    touched = {path for path, _, _ in compare(after.objects, before.tree, after.tree)}
    changed = changed_records(after.objects, before.tree, after.tree)
    deleted = {key for key, (_, blob) in changed.items() if blob is None}
    config = _range_config(report, after, deleted, is_touched=layout.CONFIG in touched)
    if config is None:
        return report
    rejudged = {name for name, category in config.categories.items() if category.schema in touched}
    schemas = check_schemas(report, after, sorted(rejudged))
    schemas |= check_schemas(CheckReport(), after, config.categories.keys() - rejudged)
    files = list(_range_files(after, touched, rejudged))
    _look_alikes(report, after, config, files)
    folded = {(category, fold(name)): name for category, name in deleted}
    hosts = Hosts(options)
    with around(ctx.store, after, _live(ctx)) as others:
        judge = Judge(config, schemas.get, others, _pictures_of(after))
        for path, entry in files:
            options.progress()
            key = layout.record_of(path) or ("", "")
            alike = folded.get((key[0], fold(key[1])))
            was = changed[key][0] if key in changed else after.blob(*key) if key[0] in config.categories else None
            _check_file(report, judge, after, path, entry, _Change(was, alike), hosts)
    hosts.ask(report, config, ctx)
    return report


def _pictures_of(dataset: DatasetTree) -> Callable[[str], bool]:
    """Tells whether a picture is in *dataset*."""
    return lambda name: dataset.picture(name) is not None


def _dataset_at(ctx: Context, revision: str) -> DatasetTree:
    dataset = DatasetTree.at(ctx.store.buffer(), ctx.store.resolve(revision))
    _ = dataset.config_bytes  # refuses a revision that is no dataset's, such as one of the queue
    return dataset


def _live(ctx: Context) -> DatasetTree | None:
    """The live dataset, whose lookup is kept."""
    try:
        return ctx.dataset()
    except NotFound:
        return None


def _range_config(
    report: CheckReport, after: DatasetTree, deleted: set[Key], *, is_touched: bool
) -> DatasetConfig | None:
    if is_touched:
        config = check_config(report, after)
        if config is not None:
            _check_folders(report, after, config)
        return config
    config = check_config(CheckReport(), after)
    if config is None:
        return check_config(report, after)  # it judges all else, so what is wrong with it has to be said
    check_unused(report, after, deleted)
    return config


def _range_files(dataset: DatasetTree, touched: Iterable[str], rejudged: Iterable[str]) -> Iterator[tuple[str, Entry]]:
    """The files below ``dataset/`` that a range is to be judged by, each once, in the order of their paths."""
    wanted = {path for path in touched if path.startswith(f"{layout.DATASET}/")}
    for category in rejudged:
        folder = layout.category_folder(category)
        entry = find(dataset.objects, dataset.tree, folder)
        wanted |= {path for path, _ in walk(dataset.objects, _oid(entry), f"{folder}/")}
    for path in sorted(wanted):
        entry = find(dataset.objects, dataset.tree, path)
        if entry is not None and not entry.is_folder:
            yield path, entry


def _check_folders(report: CheckReport, dataset: DatasetTree, config: DatasetConfig) -> None:
    """Check that no folder of records is of a category that *config* does not have."""
    folder = find(dataset.objects, dataset.tree, layout.DATASET)
    for name in read_tree(dataset.objects, _oid(folder)).entries:
        if name not in config.categories:
            problem = Problem("", f"{layout.DATASET}/{name} is the folder of no category", "layout.category")
            report.add(layout.CONFIG, [structural(problem, line=1, column=1)])


def _look_alikes(
    report: CheckReport, dataset: DatasetTree, config: DatasetConfig, files: Iterable[tuple[str, Entry]]
) -> None:
    """Check that no two names of a category with one of *files* differ by letter case or Unicode form only."""
    keys = {key for path, _ in files if (key := layout.record_of(path)) is not None}
    for category in sorted({category for category, _ in keys} & config.categories.keys()):
        wanted = {name for kind, name in keys if kind == category}
        for name, other in look_alikes(_names_beside(dataset, category, wanted)):
            if name in wanted or other in wanted:
                message = f"the name differs from {other!r} by letter case or Unicode form only"
                problem = Problem("/name", message, "name.look_alike")
                path = dataset.path(category, name)
                report.add(path, [structural(problem, category, name, path="/name")], _text(dataset, category, name))


def _names_beside(dataset: DatasetTree, category: str, wanted: Iterable[str]) -> Iterator[str]:
    """The names in the folders of the *wanted* ones: look-alikes share a folder, however a category is spread."""
    fan_out = dataset.fan_out(category)
    for folder in sorted({layout.record_folder(category, name, fan_out) for name in wanted}):
        entry = find(dataset.objects, dataset.tree, folder)
        for path, _ in walk(dataset.objects, _oid(entry), f"{folder}/"):
            key = layout.record_of(path)
            if key is not None:
                yield key[1]


def _text(dataset: DatasetTree, category: str, name: str) -> str | None:
    blob = dataset.blob(category, name)
    return None if blob is None else dataset.objects.read_blob(blob).decode("utf-8", "replace")


def _check_file(
    report: CheckReport,
    judge: Judge,
    dataset: DatasetTree,
    path: str,
    entry: Entry,
    change: _Change | None,
    hosts: Hosts,
) -> None:
    report.records += 1
    problem = place_problem(dataset, path, entry)
    if problem is not None:
        report.add(path, [structural(Problem("", f"this file {problem.message}", problem.rule), line=1, column=1)])
    key = layout.record_of(path)
    if key is None or (problem is not None and problem.rule != MISPLACED):
        return
    data = dataset.objects.read_blob(entry.oid)

    def text() -> str:
        return data.decode("utf-8", "replace")

    if change is None:
        record, faults = judge.stored(*key, data)
    else:
        before = readable(dataset, change.before)
        record, faults = judge.stored(*key, data, before=before, is_change=True, renamed_from=change.renamed_from)
    if faults:
        report.add(path, faults, text())
    hosts.remember(*key, record, path, text)


def _oid(entry: Entry | None) -> str | None:
    return entry.oid if entry is not None and entry.is_folder else None
