"""Schema: the base of everything that a file may say, and one line for what it may not."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from clvl_bench.core.errors import Mistake, near_match


class Schema(BaseModel):
    """A frozen record that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Schema)

LONGEST = 60
"""Characters of a value that an error shows."""


def parse(kind: type[S], content: Mapping[str, Any], *, file: str) -> S:
    """Validate the content of a file.

    Raises:
        Mistake: one line with the file, the field, what was got, what is allowed, and a near match.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one: say what stands in the file first.
        found = error.errors(include_url=False)
        first, *others = sorted(found, key=lambda each: each["type"] != "extra_forbidden")
        more = f" (and {len(others)} more in this file)" if others else ""
        raise Mistake(f"{file}: {_explain(first, kind, content)}{more}") from None


def _explain(error: ErrorDetails, kind: type[BaseModel], content: Mapping[str, Any]) -> str:
    field = ".".join(map(str, _location_in_file(error["loc"], content))) or "file"
    got = _shown(error.get("input"))
    match error["type"]:
        case "extra_forbidden":
            *parents, name = error["loc"]
            allowed = _fields(kind, parents)
            near = near_match(name, allowed) or ("" if parents else _in_a_table(kind, str(name)))
            return f"{field}: unknown field; {near}allowed: {', '.join(allowed)}"
        case "missing":
            return f"{field}: is missing; add it"
        case "literal_error" | "enum":
            names = _unquoted(error["ctx"]["expected"].replace(" or ", ", "))
            near = near_match(error["input"], names)
            return f"{field}: got {got}; {near}allowed: {', '.join(names)}"
        case "union_tag_invalid":
            names = _unquoted(error["ctx"]["expected_tags"])
            tag = error["ctx"]["tag"]
            return f"{field}.kind: got '{tag}'; {near_match(tag, names)}allowed: {', '.join(names)}"
        case "union_tag_not_found":
            return f"{field}: has no 'kind'; add one, for example kind = \"...\""
        case "value_error":
            why = str(error["ctx"]["error"])
            # A check of the whole file has no location and names its field itself.
            return f"{field}: {why}" if error["loc"] else why
        case _:
            return f"{field}: got {got}; {error['msg'][0].lower()}{error['msg'][1:]}"


def _unquoted(listed: str) -> list[str]:
    """The names in pydantic's own list of them, `'a', 'b'`."""
    return [name.strip().strip("'") for name in listed.split(",")]


def _location_in_file(location: Iterable[int | str], content: Any) -> list[int | str]:
    """The part of an error's location that stands in the file (pydantic adds the tags of
    unions).
    """
    found: list[int | str] = []
    parts = list(location)
    for position, part in enumerate(parts):
        in_list = isinstance(content, list) and isinstance(part, int) and part < len(content)
        in_table = isinstance(content, Mapping) and part in content
        is_last = position == len(parts) - 1
        if in_list or in_table:
            content = content[part]
        elif not is_last:
            continue  # the tag of a union
        found.append(part)
    return found


def _fields(kind: type[BaseModel], parents: Iterable[int | str]) -> list[str]:
    """The fields allowed at a location below `kind`."""
    models = [kind]
    for part in parents:
        inner: list[type[BaseModel]] = []
        for model in models:
            if isinstance(part, str) and part in model.model_fields:
                inner += _models(model.model_fields[part].annotation)
            elif part in _kinds(model):
                inner.append(model)
        models = inner or models
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """The tags under which a union knows a model; none of a model without `kind`."""
    if "kind" not in model.model_fields:
        return ()
    return get_args(model.model_fields["kind"].annotation)


def _in_a_table(kind: type[BaseModel], name: str) -> str:
    """`did you mean 'train.epochs'? ` where a table of the file has a field of that name, else
    nothing.
    """
    for table, field in kind.model_fields.items():
        if get_origin(field.annotation) in (tuple, dict):
            continue  # a list of tables: it cannot say which of them is meant
        if any(name in model.model_fields for model in _models(field.annotation)):
            return f"did you mean '{table}.{name}'? "
    return ""


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in get_args(annotation):
        found += _models(argument)
    return found


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else str(value)
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 3]}..."
