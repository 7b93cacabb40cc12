"""What the root module asks for, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from docs.generate_infra import Block, parse_blocks

ROOT = Path(__file__).parents[2]
MAIN = (ROOT / "main.tf").read_text()


def read_variables(path: str) -> dict[str, Block]:
    return {block.name: block for block in parse_blocks((ROOT / path).read_text(), "variable")}


def test_only_what_is_a_decision_must_be_given() -> None:
    """The region among it: where data lies is for nobody to default."""
    for path in ("main.tf", "infra/variables.tf"):
        required = {name for name, block in read_variables(path).items() if block.default is None}

        assert required == {"integrations", "project_id", "region"}


def test_no_unknown_name_is_swallowed() -> None:
    """What is of type `any` at the root is compared with what is known; an object type would drop the rest."""
    variables = read_variables("main.tf") | read_variables("take_back.tf")
    loose = {name for name, block in variables.items() if "any" in block.type.split()}

    assert loose == {"firestore", "integrations", "people", "take_back"}
    assert all(f"module.extract.names.{name}" in MAIN for name in loose - {"take_back"})
    assert "take_back = keys(local._take_back)" in MAIN
    assert [name for name, block in variables.items() if "object(" in block.type] == []
