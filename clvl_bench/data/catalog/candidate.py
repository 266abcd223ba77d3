"""Candidate: what a logit is for. A class or an answer by its name, with the templates that turn
the name into a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator

from clvl_bench.core.files import sha256, to_json


@dataclass(frozen=True)
class Candidate:
    """One class that may be scored, and the dataset whose templates it uses; those of an answer may
    hold {question}.
    """

    name: str
    dataset: str
    templates: tuple[str, ...]

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """The name in every template, without a question; underscores read as spaces."""
        return self.prompts_for("")

    def prompts_for(self, question: str) -> tuple[str, ...]:
        """The name in every template, behind a question where the template has a place for one."""
        return tuple(
            template.format(self.words, question=question).strip() for template in self.templates
        )

    @property
    def is_answer(self) -> bool:
        """Whether it stands behind a question."""
        return any("{question}" in template for template in self.templates)

    @property
    def words(self) -> str:
        """The name as one would read it."""
        return self.name.replace("_", " ")

    @property
    def title(self) -> str:
        """The name with its dataset's, which tells it from a name that another dataset has as
        well.
        """
        return f"{self.dataset}: {self.name}"


def prompts_sha256(candidates: Sequence[Candidate]) -> str:
    """Of all sentences in their order: what two runs must share for their texts to be the same."""
    return sha256(to_json([candidate.prompts for candidate in candidates]))


def in_template(candidates: Sequence[Candidate], template: str | None) -> tuple[Candidate, ...]:
    """The same classes in one template; as they are where it is None."""
    if template is None:
        return tuple(candidates)
    return tuple(replace(candidate, templates=(template,)) for candidate in candidates)


def holding_the_name(template: str) -> str:
    """The template, if it has one place for the name.

    Raises:
        ValueError: it has none, or several.
    """
    if template.count("{}") != 1:
        raise ValueError(f"got '{template}'; a template holds {{}} once, where the class name goes")
    return template


Template = Annotated[str, AfterValidator(holding_the_name)]
"""A sentence with one place for a class's name."""
