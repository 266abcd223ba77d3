"""Answers: what a cell of a dataset says is the answer to a question; one text, or nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from clvl_bench.core.errors import Mistake


def one_answer(where: str, question: object, value: Any) -> str | None:
    """The answer as one line of text; None where there is none.

    Of the answers of several annotators the most frequent counts, and of those that are equally
    frequent the one that comes first (VQA v2 has it as `multiple_choice_answer`; Antol et al. 2015,
    VQA: visual question answering). An annotator's answer may be a table with the field `answer`.

    Raises:
        Mistake: it is neither text nor a whole number: its text would be one more answer.
    """
    if isinstance(value, list | tuple):
        texts = [one_answer(where, question, _of_annotator(each)) for each in value]
        given = [text for text in texts if text is not None]
        return _most_frequent(given)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Mistake(
            f"{where}: the answer to '{question}' is {value!r}; keep answers that are text or "
            f"whole numbers, or lists of them"
        )
    return one_line(value) or None


def one_line(value: object) -> str:
    """A cell as text, with single spaces."""
    return " ".join(str(value).split())


def _of_annotator(value: Any) -> Any:
    return value["answer"] if isinstance(value, dict) and "answer" in value else value


def _most_frequent(answers: Sequence[str]) -> str | None:
    # A counter keeps the order in which its keys came, and gives the first of equals first.
    counted = Counter(answers).most_common(1)
    return counted[0][0] if counted else None
