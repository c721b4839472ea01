"""Every route stands in docs/api.md, and docs/api.md names no other."""

from __future__ import annotations

import re
from pathlib import Path

from function_app import app
from local.host_index import index_app

_ROW = re.compile(r"^\| `([A-Z]+) (/[^`]*)` \|", re.MULTILINE)


def test_every_route_is_documented_and_nothing_else() -> None:
    routes = {
        (method, f"/{function.route}")
        for function in index_app(app)
        if function.trigger == "httpTrigger"
        for method in function.methods
    }
    documented = set(_ROW.findall((Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")))
    assert routes == documented
