"""The rules that no dataset sets and nobody waives, each with its sentence.

They are checked where a file is read and a record is stored. The sentences are for reports that explain what they
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelref_git.records.values import BASELINES, DOMAINS, PURPOSES, SETTINGS_KEYS, STYLES

_SCHEMA: Final = "schema."
_CLOSED: Final = (BASELINES, STYLES, DOMAINS, PURPOSES, SETTINGS_KEYS)

SENTENCES: Final[Mapping[str, str]] = {
    "json.size": "A record, and a text that is read as one, has at most 256 KiB.",
    "json.encoding": "JSON is UTF-8 without a byte order mark.",
    "json.syntax": "JSON is written as RFC 8259 says.",
    "json.duplicate_key": "No key stands twice in one object.",
    "json.number": "A number is one that a double can hold.",
    "json.surrogate": "No text has half of a surrogate pair.",
    "json.depth": "Objects and lists are at most 100 levels deep.",
    "json.object": "A record is a JSON object.",
    "json.canonical": "A record is stored in its canonical form.",
    "schema.invalid": "A schema is an object in JSON Schema 2020-12 whose hints make sense.",
    "schema.$ref": "A schema refers to nothing but parts of itself, and to those not in a circle.",
    "schema.required": "A record has the fields that its schema requires.",
    "schema.type": "A value is of the type that the schema gives it.",
    **{known.rule: f"A {known.noun} is one of those that are known." for known in _CLOSED},
    "name.missing": "A record that is proposed has a name.",
    "name.blank": "A name is not blank.",
    "name.backslash": "A name has no backslash.",
    "name.surrogate": "A name has no half of a surrogate pair.",
    "name.too_long": "The file key of a name has at most 250 bytes.",
    "name.file_key": "A file key is one that stands for a name.",
    "name.backend_prefix": "A name does not begin with a backend's prefix: variants are derived, never stored.",
    "name.duplicate": "A name comes once in what is read.",
    "name.look_alike": "No two names of a category differ by letter case or Unicode form only.",
    "category.name": "A category is named by a small letter and at most 63 small letters, digits and underscores.",
    "category.unknown": "A record is of a category that the dataset has.",
    "line.missing": "A line of records says which category and record it is about.",
    "source.mixed": "A folder of records has one layout.",
    "source.unreadable": "A file of records can be read.",
    "pointer.syntax": "A JSON pointer is empty or begins with a slash.",
    "pointer.missing": "A JSON pointer leads to something that is there.",
    "pointer.root": "A record as a whole is not set or removed by a pointer.",
    "text.parameters": "The number of parameters is a whole number above 0.",
    "text.settings": "Settings are a JSON object of values and flat lists.",
    "text.name": "A row of models.csv has a name.",
    "text.name_url": "A name in models.csv is not a URL.",
    "text.nsfw": "nsfw in models.csv is true or false.",
    "csv.encoding": "models.csv is UTF-8.",
    "csv.header": "models.csv has a header that names the columns of the format, each once.",
    "csv.columns": "A row of models.csv has as many cells as the header.",
    "csv.quote": "A quote in models.csv that is opened is closed.",
    "csv.nul": "No cell of models.csv has a NUL character.",
    "legacy.profile": "The kept layout of an older file is one that import has written.",
    "legacy.object": "An older file is an object of entries by name, and an entry an object.",
    "legacy.name": "An older entry has a name.",
    "legacy.type": "The type of an image model's older entry is ckpt.",
    "legacy.baseline": "An image model's older entry has a baseline.",
    "legacy.config": "An older entry has a config.",
    "legacy.download": "A download of an older entry is that of one of its files.",
    "legacy.showcases": "No showcase is hosted at huggingface.",
    "legacy.lost": "What a record says, its older entry says as well.",
    "legacy.stamps": "What an older entry cannot hold is told: here the stamps of creation and change.",
    "legacy.refused": "An older entry can be imported again.",
    "legacy.remainder": "What an import of older files left in a record is changed by imports alone.",
    "schema.missing": "Every category has its schema file.",
    "layout.category": "Every file below dataset/ is a record of a category.",
    "layout.place": "A record stands where the layout of its category has it.",
    "layout.mode": "A record is a plain file, and no link.",
    "picture.kind": "A picture is a JPEG, PNG, WebP or GIF file.",
    "picture.structure": "A picture is built as its kind has to be, and is no document or archive besides.",
    "picture.size": "A picture has at most 50,000,000 bytes.",
    "picture.pixels": "A picture has at most 16,384 pixels a side and 64,000,000 in all, 1,000 frames, and 256,000,000 "
    "pixels in all of them.",
    "picture.trailing": "Nothing follows the end of a picture.",
    "picture.decode": "Every frame of a picture that is given can be decoded.",
    "picture.name": "A picture is named by the SHA-256 of its bytes.",
    "picture.missing": "A picture that a record names is in the dataset, or comes with the record.",
    "picture.unnamed": "A picture that comes with a record is named by it.",
    "picture.entry": "What a record says of the kind and size of a picture is what the file has.",
    "picture.twice": "A record names a picture once.",
    "picture.many": "A record names at most 50 pictures.",
    "picture.changed": "A picture that is in the dataset is neither changed nor removed.",
    "file.unreadable": "A file that is to be checked can be read.",
    "file.category": "The category of a record can be told: by its folder, or by its record_type.",
    "config.syntax": "modelref.toml is TOML in UTF-8.",
    "config.value": "Every part of modelref.toml is what it must be.",
}
"""By id. Other ids that begin with ``schema.`` end in the keyword of the schema that a value breaks."""


def sentence(rule_id: str) -> str | None:
    """What the structural rule *rule_id* asks for; None if there is no such rule."""
    if rule_id.startswith(_SCHEMA) and rule_id not in SENTENCES:
        return f"A record is what its schema says by {rule_id.removeprefix(_SCHEMA)!r}."
    return SENTENCES.get(rule_id)
