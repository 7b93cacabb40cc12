"""The tables in infra/README.md match the Terraform files."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate_infra import INFRA, README, Block, parse_blocks, update


def test_the_tables_of_the_readme_are_up_to_date() -> None:
    page = README.read_text()

    assert update(page) == page


def test_a_block_is_read_as_it_was_written() -> None:
    text = """
variable "people" {
  description = <<-EOT
    Who may
    read.
  EOT
  type = object({
    analysts = optional(set(string), [])
    editors  = optional(set(string), [])
  })
  default  = {}
  nullable = false
}

variable "region" {
  description = "Where it runs."
  type        = string
}
"""

    assert parse_blocks(text, "variable") == [
        Block(
            name="people",
            description="Who may read.",
            type="object({ analysts = optional(set(string), []), editors = optional(set(string), []) })",
            default="{}",
        ),
        Block(name="region", description="Where it runs.", type="string", default=None),
    ]


def test_variables_and_outputs_are_in_alphabetical_order() -> None:
    for kind in ("variable", "output"):
        names = [block.name for block in parse_blocks((INFRA / f"{kind}s.tf").read_text(), kind)]

        assert names == sorted(names)


def test_the_root_module_passes_every_variable_on() -> None:
    root = (Path(README).parents[1] / "main.tf").read_text()
    names = [block.name for block in parse_blocks((INFRA / "variables.tf").read_text(), "variable")]

    assert [block.name for block in parse_blocks(root, "variable")] == names
    assert re.findall(r"^  (\w+) += var\.\1$", root.partition('module "extract"')[2], re.MULTILINE) == names


def test_the_root_module_has_every_output_that_it_does_not_use_itself() -> None:
    folder = Path(README).parents[1]
    used = set(re.findall(r"module\.extract\.(\w+)", (folder / "take_back.tf").read_text()))
    names = [block.name for block in parse_blocks((INFRA / "outputs.tf").read_text(), "output")]

    passed_on = re.findall(r"^  value += module\.extract\.(\w+)$", (folder / "main.tf").read_text(), re.MULTILINE)

    assert passed_on == [name for name in names if name not in used]
