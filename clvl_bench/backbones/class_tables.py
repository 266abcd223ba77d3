"""Class tables: the features of several classes together, as they were asked for last.

A learner asks for the same classes at every batch. Each class's feature is kept, but to look a
thousand classes of eighty sentences up, one by one, takes longer than to score a batch.
"""

from collections import deque
from collections.abc import Callable, Sequence

from torch import Tensor

from clvl_bench.data.catalog.candidate import Candidate

KEPT = 8
"""Tables that are kept. An experience has its own classes and all classes so far, in one template
or in all; more would only grow with the stream."""


class ClassTables:
    """The last tables of class features [classes, width]."""

    def __init__(self) -> None:
        self._known: deque[tuple[tuple[Candidate, ...], int | None, Tensor]] = deque(maxlen=KEPT)

    def load_or_compute(
        self,
        candidates: Sequence[Candidate],
        templates: int | None,
        compute: Callable[[Sequence[Candidate], int | None], Tensor],
    ) -> Tensor:
        """The table of some classes, which is the caller's own.

        Args:
            compute: makes a table that is not kept.
        """
        asked = tuple(candidates)
        for of_classes, of_templates, table in self._known:
            # Classes are most often the same objects, which are not compared any further.
            if of_templates == templates and of_classes == asked:
                return table.clone()
        made = compute(asked, templates)
        self._known.append((asked, templates, made))
        return made.clone()
