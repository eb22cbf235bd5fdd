"""A Git-backed dataset manager: proposals are branches, batches are merges, history is the audit log.

For those who read a dataset from Python: :func:`open_export` (a replica's files, without Git) and :func:`open_dataset`
(a repository). What they need is loaded when they are asked for.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:  # not by `typing`, whose import would take longer than the answer to --version
    from modelref_git.reading.export import open_export as open_export
    from modelref_git.reading.repository import open_dataset as open_dataset
else:
    _HOMES = {"open_export": "modelref_git.reading.export", "open_dataset": "modelref_git.reading.repository"}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return [*globals(), *_HOMES]
