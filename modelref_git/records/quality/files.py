"""Rules on files of other layouts: whoever reads such a file reports their faults.

What keeps a file, an entry or a row from being read at all is not here: see `structural`.
"""

from __future__ import annotations

from typing import Final

from modelref_git.records.quality.rule import Rule, Severity, found_elsewhere


def _rule(ident: str, severity: Severity, text: str, reason: str, advice: str) -> Rule:
    return Rule(ident, severity, "file", text, reason, advice, found_elsewhere)


_TEXT: Final = (
    _rule(
        "csv.duplicate_row",
        "warning",
        "A name stands in one row of models.csv.",
        "Programs take its last row, and people edit its first.",
        "Take out every row of the name but the one that is right.",
    ),
    _rule(
        "csv.bom",
        "hint",
        "models.csv does not begin with a byte order mark.",
        "Some programs take it for a part of the first column's name.",
        "Save the file as UTF-8 without a mark.",
    ),
    _rule(
        "csv.unknown_column",
        "warning",
        "models.csv has the columns that the format names.",
        "What is in another column comes into no generated file.",
        "Correct the column's name, or take the column out.",
    ),
    _rule(
        "text.empty_tag",
        "warning",
        "There is a tag between any two commas.",
        "Some programs make an empty tag of it, and others nothing.",
        "Take one of the commas out.",
    ),
    _rule(
        "text.settings_key",
        "warning",
        "The settings of a text model are among those that generation_params.json lists.",
        "The program that makes db.json stops at any other.",
        "Correct its name, or take it out.",
    ),
    _rule(
        "text.generated",
        "warning",
        "db.json is what follows from models.csv.",
        "Somebody edited a file that is made by a program, and the next run will undo it.",
        "Edit models.csv instead; the export makes db.json anew.",
    ),
)
_LEGACY: Final = (
    _rule(
        "legacy.layout",
        "warning",
        "A file can be written back byte for byte.",
        "The first export changes lines that nobody has edited.",
        "Nothing, or lay the file out evenly first.",
    ),
    _rule(
        "legacy.set_aside",
        "warning",
        "A field of an older entry is what a record may hold.",
        "It is kept for the older file alone, and nobody else sees it.",
        "Correct the value in the source.",
    ),
    _rule(
        "legacy.file",
        "warning",
        "Every file of an older entry has a path.",
        "A record can hold only files that have one; this one is kept for the older file alone.",
        "Give the file its path, or take it out.",
    ),
    _rule(
        "legacy.no_download",
        "warning",
        "An older entry has a download.",
        "Nobody can fetch the model.",
        "Give the address of each file.",
    ),
    _rule(
        "legacy.available",
        "hint",
        "An older entry does not say that its model is available.",
        "Workers write this field for themselves; a file that has it was taken from one.",
        "Set it to false, or leave it out.",
    ),
    _rule(
        "legacy.file_path",
        "hint",
        "A download of an older entry has no folder of its own.",
        "Workers of today put all files of a category into one folder.",
        'Write "file_path": "".',
    ),
    _rule(
        "legacy.config_keys",
        "hint",
        "The config of an older entry has files and downloads, and nothing else.",
        "Older clients look at nothing else.",
        "Look whether anybody needs it.",
    ),
    _rule(
        "legacy.yaml",
        "hint",
        "The yaml file of an image model is one of the two usual ones.",
        "Older clients have those alone.",
        "Look whether the workers have it.",
    ),
    _rule(
        "legacy.empty_style",
        "warning",
        "The style of an older entry is not empty.",
        "People look for models by it.",
        "Choose one of the known styles, or leave the field out.",
    ),
    _rule(
        "legacy.unusual_baseline",
        "hint",
        "The baseline of an older entry is one that older clients know.",
        "They treat the model like one of the first baseline.",
        "Nothing, if the model needs newer clients.",
    ),
    _rule(
        "legacy.no_showcases",
        "hint",
        "An image model has showcases.",
        "People like to see what a model makes before they use it.",
        "Add the address of a picture.",
    ),
)
RULES: Final[tuple[Rule, ...]] = (*_TEXT, *_LEGACY)
