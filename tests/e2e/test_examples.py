"""The examples of the documentation run as a user runs them, without our runner, and write what
they say they write.
"""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from victim import Victims

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WRITES = {
    "naive_with_prompt_and_replay": {"prompt.csv", "prompt_replay.csv"},
    "plain_model_with_avalanche_replay": {"plain_naive.csv", "plain_replay.csv"},
}
ELSEWHERE = {"whu_rs19_features"}
"""Run by tests/unit/test_backbone_features.py, on the files that it reads."""
Rows = list[dict[str, str]]
Matrix = dict[tuple[int, int], float]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory, process: Victims) -> Callable[[str], Path]:
    """Runs an example once, in a folder of its own; gives the folder."""
    ran: dict[str, Path] = {}

    def run(example: str) -> Path:
        if example not in ran:
            ran[example] = tmp_path_factory.mktemp(example)
            done = process.finished(EXAMPLES / f"{example}.py", cwd=ran[example])
            assert done.returncode == 0, done.stderr
        return ran[example]

    return run


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def matrix(rows: Rows, stream: str) -> Matrix:
    """Accuracy by (experiences learned, experience)."""
    cells = {
        (int(row["trained"]), int(row["experience"])): float(row["value"])
        for row in rows
        if row["metric"] == "accuracy" and row["stream"] == stream
    }
    assert len(cells) == sum(
        row["metric"] == "accuracy" and row["stream"] == stream for row in rows
    ), "a cell twice"
    return cells


def logged(rows: Rows, metric: str) -> dict[int, float]:
    """A number of a whole stream by experiences learned."""
    found = {int(row["trained"]): float(row["value"]) for row in rows if row["metric"] == metric}
    assert len(found) == sum(row["metric"] == metric for row in rows), "logged twice"
    return found


def chaudhry(accuracy: Matrix, learned: int) -> float:
    """Forgetting after `learned` experiences, written out from Chaudhry et al. 2018, section 3."""
    drops = [
        max(accuracy[t, j] for t in range(j + 1, learned)) - accuracy[learned, j]
        for j in range(learned - 1)
    ]
    return sum(drops) / len(drops)


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(WRITES) | ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("example", sorted(WRITES))
def test_an_example_writes_its_tables_and_nothing_else(folder_of, example):
    assert {path.name for path in folder_of(example).iterdir()} == WRITES[example]


@pytest.mark.slow
def test_prompt_learning_and_replay_learn_under_avalanches_own_naive(folder_of):
    rows = read(folder_of("naive_with_prompt_and_replay") / "prompt_replay.csv")
    test, heldout = matrix(rows, "test"), matrix(rows, "zeroshot")
    assert set(test) == {(t, j) for t in range(6) for j in range(5)}
    assert set(heldout) == {(t, h) for t in range(6) for h in range(2)}
    before, after = (sum(test[t, j] for j in range(5)) / 5 for t in (0, 5))
    assert after > before + 0.02, (
        "the learned context is worth more than the template that it started from"
    )
    datasets = {
        row["dataset"]
        for row in rows
        if row["stream"] == "zeroshot" and row["metric"] == "accuracy"
    }
    assert datasets == {"toy_postcards", "toy_shapes"}


@pytest.mark.slow
def test_replay_changes_nothing_before_there_is_a_past_and_something_from_then_on(folder_of):
    folder = folder_of("naive_with_prompt_and_replay")
    without, beside = (
        matrix(read(folder / f"{name}.csv"), "test") for name in ("prompt", "prompt_replay")
    )
    assert all(without[t, j] == beside[t, j] for t in (0, 1) for j in range(5))
    assert all(any(without[t, j] != beside[t, j] for j in range(5)) for t in range(2, 6))


@pytest.mark.slow
def test_forgetting_and_zeroshot_accuracy_go_through_avalanches_evaluator_into_the_table(folder_of):
    rows = read(folder_of("naive_with_prompt_and_replay") / "prompt_replay.csv")
    test, heldout = matrix(rows, "test"), matrix(rows, "zeroshot")
    forgetting, kept = logged(rows, "forgetting"), logged(rows, "heldout")
    assert set(forgetting) == set(kept) == set(range(6))
    assert all(math.isnan(forgetting[t]) for t in (0, 1)), "nothing can be forgotten yet"
    assert [forgetting[t] for t in range(2, 6)] == pytest.approx(
        [chaudhry(test, t) for t in range(2, 6)]
    )
    assert [kept[t] for t in range(6)] == pytest.approx(
        [(heldout[t, 0] + heldout[t, 1]) / 2 for t in range(6)]
    )


@pytest.mark.slow
def test_a_plain_model_forgets_under_naive_and_less_under_avalanches_replay(folder_of):
    folder, last = folder_of("plain_model_with_avalanche_replay"), {}
    for name in ("naive", "replay"):
        rows = read(folder / f"plain_{name}.csv")
        test, forgetting = matrix(rows, "test"), logged(rows, "forgetting")
        assert set(test) == {(t, j) for t in range(1, 6) for j in range(5)}
        untaught = [
            test[t, j] for t in range(1, 6) for j in range(t, 5)
        ]  # a row of random numbers may win once in a while
        assert max(untaught) < 0.05
        assert [forgetting[t] for t in range(2, 6)] == pytest.approx(
            [chaudhry(test, t) for t in range(2, 6)]
        )
        last[name] = forgetting[5]
    assert last["naive"] > 0.2
    assert last["replay"] < last["naive"] - 0.1
