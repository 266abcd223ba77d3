"""Names: what classes and experiences of a table are called, where its configuration says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from clvl_bench.records.result import Result
from clvl_bench.report.configuration import Configuration
from clvl_bench.streams.class_plan import class_groups, number_classes


@dataclass(frozen=True)
class Names:
    """`classes` by class id; `experiences` by class order: what each experience brings."""

    classes: tuple[str, ...] = ()
    experiences: dict[int, list[list[str]]] = field(default_factory=dict)


def names_of(
    found: Configuration | None, orders: Iterable[int], results: Sequence[Result]
) -> Names:
    """The names of one table.

    Args:
        orders: the class orders that its runs have.
        results: the run folders that are here. The answers of questions stand in these alone, since
            they are found in the data.
    """
    if found is None:
        return Names()
    if found.stream.questions is not None:
        contents = (result.questions() for result in results[:1])
        answers = [tuple(content["answers"]) for content in contents if content is not None]
        return Names(answers[0] if answers else ())
    classes, classes_of = number_classes(found.stream)
    titles = tuple(candidate.name for candidate in classes)
    if not found.stream.has_class_order:
        return Names(titles)
    experiences = {}
    for order in orders:
        stream = found.stream.model_copy(update={"class_order_seed": order})
        groups = class_groups(stream, classes_of)
        experiences[order] = [[titles[each] for each in group.classes] for group in groups]
    return Names(titles, experiences)
