"""Candidate: what a logit is for. A class by its name, with the prompt templates that turn the name into a sentence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """One class that may be scored, and the dataset whose templates it uses."""

    name: str
    dataset: str
    templates: tuple[str, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """The name in every template; underscores read as spaces."""
        return tuple(template.format(self.name.replace("_", " ")) for template in self.templates)
