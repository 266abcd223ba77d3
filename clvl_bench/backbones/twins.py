"""Twins: candidates that a text tower cannot tell apart, since all their sentences are the same
tokens to it.

A tokenizer drops more than one expects: case, spaces, the Unicode form of a letter, and all that
stands behind the cut; SigLIP's drops marks as well.
"""

from collections.abc import Callable, Sequence

from clvl_bench.backbones.tokens import shortened
from clvl_bench.core.errors import Mistake, warn
from clvl_bench.data.catalog.candidate import Candidate

Ids = tuple[int, ...]
Pair = tuple[Candidate, Candidate]


def twins(
    candidates: Sequence[Candidate], read: Callable[[Sequence[str]], list[Ids]]
) -> list[Pair]:
    """Each candidate that has the sentences of an earlier one of its dataset, behind that one.

    Args:
        read: the token ids that the tower sees of each text.
    """
    # Most differ in their first sentence already, and need no look at the others.
    firsts = read([candidate.prompts[0] for candidate in candidates])
    alike: dict[tuple[str, Ids], list[Candidate]] = {}
    for candidate, ids in zip(candidates, firsts, strict=True):
        alike.setdefault((candidate.dataset, ids), []).append(candidate)
    found = []
    for group in alike.values():
        seen: dict[tuple[Ids, ...], Candidate] = {}
        for candidate in group if len(group) > 1 else ():
            other = seen.setdefault(tuple(read(candidate.prompts)), candidate)
            if other.name != candidate.name:
                found.append((other, candidate))
    return found


class TwinWatch:
    """Refuses classes that are twins, and tells of answers that are, once.

    Answers are written by many people, who write `5 cm` and `5cm`; classes are a list that
    somebody chose.
    """

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._told: set[Pair] = set()

    def look_at(self, pairs: Sequence[Pair]) -> None:
        """Raises:
        Mistake: two classes are twins. No image can then be told to be of the second one.
        """
        for one, other in pairs:
            if not one.is_answer:
                raise Mistake(
                    f"{one.dataset}: the classes {_both(one, other)} are one to {self._reader}: "
                    f"their sentences have the same tokens, or the same up to the cut; call one of "
                    f"them by another name"
                )
        new = [pair for pair in pairs if pair not in self._told]
        self._told.update(new)
        if new:
            warn(
                f"{new[0][0].dataset}: {len(new)} answers have the same tokens as another to "
                f"{self._reader}, for example {_both(*new[0])}; they score alike, and the first "
                f"of them is chosen"
            )


def _both(one: Candidate, other: Candidate) -> str:
    return f"'{shortened(one.name)}' and '{shortened(other.name)}'"
