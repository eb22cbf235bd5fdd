"""Every rule that a reader of files can report is explained somewhere, once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import modelref_git
from modelref_git.records.quality import catalogue, structural
from modelref_git.records.values import BASELINES, CONTROLNET_STYLES, SETTINGS_KEYS

PACKAGE = Path(modelref_git.__file__).parent
RULE = re.compile(r"(csv|json|legacy|line|name|picture|pointer|schema|source|text|value|category)\.[a-z_$]+")
FILES = {"models.csv", "text.json"}


def reported() -> Iterator[tuple[str, str]]:
    """The ids in the code of the readers: every text that looks like one."""
    sources = [*(PACKAGE / "formats").rglob("*.py"), *(PACKAGE / "records").glob("*.py")]
    assert len(sources) > 20
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if RULE.fullmatch(text) and text not in FILES:
                yield text, source.name


def test_every_rule_that_a_reader_reports_is_explained() -> None:
    found = set(reported())
    assert {"json.syntax", "csv.duplicate_row", "legacy.lost"} <= {ident for ident, _ in found}
    for ident, source in found:
        is_rule = ident in catalogue.BY_ID
        assert is_rule != (structural.sentence(ident) is not None), f"{ident} of {source}"


def test_every_explanation_is_of_a_rule_that_is_reported() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.name != "structural.py")
    for ident in structural.SENTENCES:
        assert f'"{ident}"' in texts or ident.startswith("value."), ident
    for rule in catalogue.RULES:
        if rule.scope == "file" and not rule.id.startswith("config."):
            source = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "formats").rglob("*.py"))
            assert f'"{rule.id}"' in source, rule.id


def test_sentences_are_sentences() -> None:
    for ident, text in structural.SENTENCES.items():
        assert text.endswith("."), ident
        assert "|" not in text, ident


def test_values_and_keywords_of_schemas_are_explained() -> None:
    assert structural.sentence(BASELINES.rule) == "A baseline is one of those that are known."
    assert structural.sentence(SETTINGS_KEYS.rule)
    assert structural.sentence(CONTROLNET_STYLES.rule) is None, "it may be waived"
    assert structural.sentence("schema.maxLength") == "A record is what its schema says by 'maxLength'."
    assert structural.sentence("nobody.knows") is None
