"""VQA declaration: what must be known about a dataset of questions before anything of it is read.

Its candidates are answers. In the closed track they are the answers of its train part, which only
the data can tell; in the open track they are `answers`, a list that was written down without
looking at any test part.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.declaration import Domain
from clvl_bench.data.catalog.prompts import OWN, fields_of
from clvl_bench.data.catalog.vqa_sources import VqaSource

Property = Literal["type", "organ", "modality"]
"""What a dataset may say of each question."""

NONE = "not stated"
"""The value of a property that the data do not give."""

_LISTS = Path(__file__).parent / "answer_lists"


class VqaDataset(Schema):
    """Images, questions about them, and answers.

    `partitions` are the named ways to split it, with the number of questions of each part as
    published or counted; the first is the official one. `values` are the values of each property,
    in the order in which experiences take them; of a property that has none here, though the data
    say it, those of the train part in the order of their names. `template` turns a question and an
    answer into the sentence that is ranked without training. `answer_list` names a shipped list of
    open candidates, where `answers` are not written out.
    """

    name: str = ""
    title: str = ""
    version: int = 1
    domain: Domain = "unknown"
    source: VqaSource
    partitions: dict[str, dict[str, int]] = {"official": {}}
    values: dict[Property, tuple[str, ...]] = {}
    normaliser: Literal["vqa", "med", "exact"] = "vqa"
    template: str = "{question} {}."
    answers: tuple[str, ...] = ()
    answer_list: str | None = None
    images: dict[str, int] = Field(
        {}, description="how many images the parts of the official split ask about"
    )
    licence: str = "not stated"
    citation: str = ""
    prompts: Literal["own"] = OWN  # type: ignore[assignment]
    download_mb: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _template_fits(self) -> Self:
        fields = fields_of(self.template)
        if sorted(fields) not in ([""], ["", "question"]):
            raise ValueError(
                f"template: got '{self.template}'; it holds {{}} once, where the answer goes, and "
                f"may hold {{question}}, and no other field"
            )
        return self

    def says(self, name: Property) -> bool:
        """Whether the data say this property of each question."""
        columns = getattr(self.source, "columns", None)
        return name in self.values or getattr(columns, name, None) is not None

    @property
    def open_answers(self) -> tuple[str, ...]:
        """The candidates of the open track, in a fixed order."""
        return self.answers or (() if self.answer_list is None else _listed(self.answer_list))


def _listed(name: str) -> tuple[str, ...]:
    """A shipped list: groups of answers, each with a line that says where its words come from."""
    groups: dict[str, Any] = json.loads((_LISTS / f"{name}.json").read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(answer for group in groups["groups"] for answer in group["answers"]))


def overlaid_questions(declared: VqaDataset, table: dict[str, Any]) -> dict[str, Any]:
    """The fields of a declaration, but for what a table of a benchmark file says otherwise."""
    fields = {name: getattr(declared, name) for name in type(declared).model_fields} | table
    if isinstance(table.get("source"), dict):
        like = declared.source.model_dump()
        same = table["source"].get("kind", like["kind"]) == like["kind"]
        fields["source"] = {**(like if same else {}), **table["source"]}
    return fields
