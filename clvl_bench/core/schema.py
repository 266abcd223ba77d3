"""Strict: the base of everything that a file may say, and one line for what it may not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from clvl_bench.core.errors import Mistake, near_match


class Schema(BaseModel):
    """A frozen record that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Schema)


@dataclass(frozen=True)
class Since:
    """Marks a field that came when there were runs already: `before` is the value that reproduces
    them, whatever its default is.

    At that value the field is no part of a run's id, so that a new field moves none:

        fade_in: Annotated[int, Since(before=0)] = 10
    """

    before: Any


def whole(model: BaseModel) -> dict[str, Any]:
    """Everything that a configuration says, defaults and kinds included, as JSON has it; but for
    fields that came later and stand at the value of before.
    """
    content = {}
    for name, field in type(model).model_fields.items():
        value = _plain(getattr(model, name))
        marks = [mark for mark in field.metadata if isinstance(mark, Since)]
        if any(value == _plain(mark.before) for mark in marks):
            continue
        content[name] = value
    return content


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, BaseModel):
        return whole(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


Place = Sequence[int | str]
"""The way to a value in a file: names of tables and fields, numbers in lists."""


def parse(kind: type[S], content: Mapping[str, Any], *, file: str | Callable[[Place], str]) -> S:
    """Validate what a file says.

    Args:
        file: what an error begins with; where several files made the content, a function that names
            the one that says what stands at a place.

    Raises:
        Mistake: one line with the file, the field, what was got, what is allowed, and a near match.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one: say what stands in the file first.
        first, *others = sorted(
            error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden"
        )
        where = file if isinstance(file, str) else file(_place_told(first, content))
        more = f" (and {len(others)} more in this file)" if others else ""
        raise Mistake(f"{where}: {_explain(first, kind, content)}{more}") from None


def _explain(error: ErrorDetails, kind: type[BaseModel], content: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in _place(error["loc"], content)) or "file"
    got = _shown(error.get("input"))
    match error["type"]:
        case "extra_forbidden":
            *parents, name = error["loc"]
            allowed = _fields(kind, parents, content)
            near = near_match(name, allowed) or ("" if parents else _in_a_table(kind, str(name)))
            return f"{field}: unknown field; {near}allowed: {', '.join(allowed)}"
        case "missing":
            return f"{field}: is missing; add it"
        case "literal_error" | "enum":
            expected = error["ctx"]["expected"].replace(" or ", ", ")
            names = [name.strip().strip("'") for name in expected.split(",")]
            return (
                f"{field}: got {got}; {near_match(error['input'], names)}allowed: "
                f"{', '.join(names)}"
            )
        case "union_tag_invalid":
            names = [name.strip().strip("'") for name in error["ctx"]["expected_tags"].split(",")]
            tag = error["ctx"]["tag"]
            return f"{field}.kind: got '{tag}'; {near_match(tag, names)}allowed: {', '.join(names)}"
        case "union_tag_not_found":
            return f"{field}: has no 'kind'; add one, for example kind = \"...\""
        case "value_error":
            return (
                f"{field}: {error['ctx']['error']}" if error["loc"] else str(error["ctx"]["error"])
            )
        case _:
            return f"{field}: got {got}; {error['msg'][0].lower()}{error['msg'][1:]}"


def _place_told(error: ErrorDetails, content: Any) -> Place:
    """The place in the file of what an error is about."""
    place = _place(error["loc"], content)
    return [*place, "kind"] if error["type"] == "union_tag_invalid" else place


def _place(location: Iterable[int | str], content: Any) -> list[int | str]:
    """The part of an error's location that stands in the file (pydantic adds the tags of
    unions).
    """
    place: list[int | str] = []
    parts = list(location)
    for position, part in enumerate(parts):
        inside = isinstance(content, list) and isinstance(part, int) and part < len(content)
        if inside or (isinstance(content, Mapping) and part in content):
            content = content[part]
        elif position < len(parts) - 1:
            continue
        place.append(part)
    return place


def _fields(kind: type[BaseModel], parents: Iterable[int | str], content: Any) -> list[str]:
    """The fields allowed at a location of the content, which is one of `kind`."""
    models = [kind]
    for part in parents:
        inside = isinstance(content, list) and isinstance(part, int) and part < len(content)
        if inside or (isinstance(content, Mapping) and part in content):
            content = content[part]
        inner: list[type[BaseModel]] = []
        for model in models:
            if isinstance(part, str) and part in model.model_fields:
                inner += _models(model.model_fields[part].annotation)
            elif "kind" in model.model_fields and part in get_args(
                model.model_fields["kind"].annotation
            ):
                inner.append(model)
        models = _of_kind(inner or models, content)
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _of_kind(models: list[type[BaseModel]], table: Any) -> list[type[BaseModel]]:
    """The models, or where a table names the kind of one that is derived from them, that one.

    A field that takes any method is annotated with the base of all of them. The derived class is
    there, because the table was validated by it.
    """
    if not isinstance(table, Mapping) or "kind" not in table:
        return models
    derived = [each for model in models for each in _derived(model)]
    named = [each for each in derived if each.model_fields["kind"].default == table["kind"]]
    return named or models


def _derived(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The classes derived from a model, near and far, that have a kind."""
    found = []
    for each in model.__subclasses__():
        if "kind" in each.model_fields:
            found.append(each)
        found += _derived(each)
    return found


def _in_a_table(kind: type[BaseModel], name: str) -> str:
    """`did you mean 'train.epochs'? ` where a table of the file has a field of that name, else
    nothing.
    """
    for table, field in kind.model_fields.items():
        several = get_origin(field.annotation) in (tuple, dict)
        if not several and any(name in model.model_fields for model in _models(field.annotation)):
            return f"did you mean '{table}.{name}'? "
    return ""


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
