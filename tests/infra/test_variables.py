"""The variables of the root module."""

from __future__ import annotations

from pathlib import Path

from docs.generate_infra import Block, parse_blocks

ROOT = Path(__file__).parents[2]
MAIN = (ROOT / "main.tf").read_text()


def read_variables(path: str) -> dict[str, Block]:
    return {block.name: block for block in parse_blocks((ROOT / path).read_text(), "variable")}


def test_only_variables_that_need_a_decision_are_required() -> None:
    """The region has no default, because it decides where customers' data is stored."""
    for path in ("main.tf", "infra/variables.tf"):
        required = {name for name, block in read_variables(path).items() if block.default is None}

        assert required == {"integrations", "project_id", "region"}


def test_unknown_names_are_reported() -> None:
    """Each variable of type `any` is compared with the known names. An object type would silently drop the others."""
    variables = read_variables("main.tf") | read_variables("take_back.tf")
    loose = {name for name, block in variables.items() if "any" in block.type.split()}

    assert loose == {"firestore", "integrations", "people", "take_back"}
    assert all(f"module.extract.names.{name}" in MAIN for name in loose - {"take_back"})
    assert "take_back = keys(local._take_back)" in MAIN
    assert [name for name, block in variables.items() if "object(" in block.type] == []
