"""Where the two versions of the API begin."""

from __future__ import annotations

from typing import Final

V2: Final = "/model_references/v2"
V1: Final = "/model_references/v1"
