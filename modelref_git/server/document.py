"""The OpenAPI document: the names that generated clients were made from, whatever the routes do inside."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

COMPONENTS: dict[str, Any] = {}
"""Schemas by name that routes refer to without being given such bodies by FastAPI; their modules put them here."""


def install(app: FastAPI) -> None:
    """Have *app* show its document with every schema that a route refers to."""
    make = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = make()
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for name, schema in COMPONENTS.items():
                schemas.setdefault(name, schema)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
