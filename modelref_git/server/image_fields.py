"""What is said of a picture: the fields of a form and the members of a body, as the entries of a record have them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from modelref_git.server.bodies import strict_json
from modelref_git.server.catalogue import LARGEST_ID
from modelref_git.server.faults import Refusal
from modelref_git.server.picture_views import PARAMETERS
from modelref_git.server.uploads import MULTIPART
from modelref_git.server.wire.model_images import ImagePatch

NOTE: Final = "note"


def _text(text: str) -> str:
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.strip().removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 16:
            raise ValueError("it is no whole number")
        number = int(text)
        if not low <= number <= high:
            raise ValueError(f"it is to be from {low} to {high}")
        return number

    return read


def _number(text: str) -> int | float:
    try:
        value = strict_json(text.strip().encode(errors="surrogatepass"))
    except json.JSONDecodeError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("it is no number")
    return value


def _loras(text: str) -> list[dict[str, Any]]:
    value = _json(text)
    if not isinstance(value, list) or not all(_is_lora(item) for item in value):
        raise ValueError("it is to be a JSON array of objects with a name and a strength")
    return value


def _is_lora(item: Any) -> bool:
    if not isinstance(item, dict) or set(item) != {"name", "strength"} or not isinstance(item["name"], str):
        return False
    strength = item["strength"]
    return isinstance(strength, int | float) and not isinstance(strength, bool)


def _workflow(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise ValueError("it is to be a JSON object")
    return value


def _json(text: str) -> Any:
    try:
        return strict_json(text.encode(errors="surrogatepass"))
    except json.JSONDecodeError as fault:
        raise ValueError(f"it is no JSON: {fault.msg}") from fault


_ANY: Final = _whole(-LARGEST_ID, LARGEST_ID)
_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any], dict[str, Any]]]] = {
    "prompt": ("prompt", _text, {"type": "string"}),
    "negativePrompt": ("negative_prompt", _text, {"type": "string"}),
    "seed": ("seed", _ANY, {"type": "integer"}),
    "steps": ("steps", _whole(1, LARGEST_ID), {"type": "integer", "minimum": 1}),
    "cfgScale": ("cfg_scale", _number, {"type": "number"}),
    "sampler": ("sampler", _text, {"type": "string"}),
    "scheduler": ("scheduler", _text, {"type": "string"}),
    "nsfwLevel": ("nsfw_level", _whole(0, 3), {"type": "integer", "minimum": 0, "maximum": 3}),
    "sortOrder": ("sort_order", _ANY, {"type": "integer"}),
    "loras": ("loras", _loras, {"type": "string", "description": "A JSON array of objects with name and strength."}),
    "comfyWorkflow": ("comfy_workflow", _workflow, {"type": "string", "description": "ComfyUI's workflow, in JSON."}),
}
"""By the field of a form: the member of an entry, how it is read, and what the document says of it."""

NAMES: Final = frozenset({*_FIELDS, NOTE})
"""The fields that a form may have beside its file."""

FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MULTIPART: {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "A JPEG, PNG, WebP or GIF of at most 50 MB.",
                    },
                    **{name: schema for name, (_, _, schema) in _FIELDS.items()},
                    NOTE: {"type": "string", "description": "What reviewers are to know about it."},
                },
            }
        }
    },
}
"""The body that brings a picture, for the document."""


def details_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the *fields* of a form say of a picture.

    Raises:
        Refusal: 400, one of them makes no sense; it is named.
    """
    found: dict[str, Any] = {}
    for name, (member, read, _) in _FIELDS.items():
        if name in fields:
            try:
                found[member] = read(fields[name])
            except ValueError as fault:
                raise Refusal(400, f"{name}: {fault}", "usage") from fault
    return found


def patched(given: ImagePatch) -> dict[str, Any]:
    """What a body changes of a picture's entry: by member the new value, ``None`` for one that goes."""
    body = given.model_dump(by_alias=True, exclude_unset=True)
    parameters = body.pop("generationParams", None)
    found = {_FIELDS[name][0]: value for name, value in body.items()}
    return found | {PARAMETERS[name]: value for name, value in (parameters or {}).items()}
