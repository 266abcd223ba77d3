"""What stands in a report's tables: rows in the order of swept values, ZSCL's columns, letters only
where there is a number.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.continual import NAN, Accuracies, average, transfer
from clvl_bench.records.rows import Record
from clvl_bench.report import writing
from clvl_bench.report.figures import plotted_tables, table_names
from clvl_bench.report.latex import latex
from clvl_bench.report.order import by_value
from clvl_bench.report.paired import differences_frame, paired
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.summary import summary
from clvl_bench.report.tables import compact, markdown, short_table, streams, terminal_table
from clvl_bench.report.toys import ALL_TOY, TOY_MODEL, TOY_WORLD, toy_note
from clvl_bench.report.writing import write_report

ZSCL = [[0.5, 0.2, 0.3], [0.9, 0.1, 0.4], [0.8, 0.7, 0.6], [0.7, 0.6, 0.8]]
"""R [4, 3] by hand: before any training, and after each of three experiences."""


def run(strategy, matrix=ZSCL, *, benchmark="b", label_space="dataset", seed=0, correct=None):
    where = {
        "benchmark": benchmark,
        "label_space": label_space,
        "backbone": "tiny",
        "strategy": strategy,
    }
    told = {**where, "seed": seed, "class_order": 0}
    rows = tuple(
        Record(
            **told,
            trained=t,
            stream="test",
            experience=j,
            dataset="d",
            metric="accuracy",
            value=value,
            n=10,
        )
        for t, row in enumerate(matrix)
        for j, value in enumerate(row)
    )
    right = None if correct is None else np.array(correct, dtype=np.bool_)
    return Run(Origin(f"{benchmark}-{strategy}-{seed}", **told, state="done"), rows, right)


def test_swept_values_stand_in_the_order_of_numbers():
    swept = [f"derpp[plugins.derpp.memory_bytes={value}]" for value in (691200, 3456000, 69120)]
    rates = [f"derpp[train.lr={value}]" for value in ("2e-3", "0.0003", "1")]
    expected = [swept[2], swept[0], swept[1], rates[1], rates[0], rates[2]]
    assert sorted([*rates, *swept], key=by_value) == expected
    assert [
        row[0] for row in short_table(summary([run(name) for name in rates + swept]))[1]
    ] == expected
    assert list(plotted_tables([run(name) for name in rates + swept])[0].runs) == expected


def test_names_without_numbers_stand_by_the_alphabet_and_numbers_in_names_are_letters():
    plain = [
        "cifar100_10_steps",
        "cifar100_5_steps",
        "l2p",
        "prompt",
        "prompt[adapter.position=end]",
        "prompt_replay",
    ]
    assert sorted(plain, key=by_value) == sorted(plain)


def test_benchmarks_under_swept_supervision_follow_each_other_by_the_value():
    late = [f"b[supervision.delay={delay}]" for delay in (100, 50, 0)]
    text = markdown(summary([run("naive", benchmark=name) for name in late]), {})
    found = [line for line in text.splitlines() if line.startswith("## ")]
    assert ["=0\\]" in found[0], "=50\\]" in found[1], "=100\\]" in found[2]] == [True, True, True]


def test_transfer_and_avg_have_columns_where_the_future_is_scored():
    titles, rows = short_table(summary([run("zscl")]))
    ours = Accuracies(np.array(ZSCL))
    # By hand: columns 2 and 3 before they are learned, 0.1 and (0.4 + 0.6) / 2; all learned rows,
    # 5.6 / 9.
    assert dict(zip(titles, rows[0], strict=True)).items() >= {
        ("Transfer", "30.0"),
        ("Avg", "62.2"),
    }
    assert (transfer(ours), average(ours)) == pytest.approx((0.3, 5.6 / 9))


def test_where_only_seen_classes_are_scored_there_is_no_future_and_no_column_for_it():
    seen = [[value if j < t else NAN for j, value in enumerate(row)] for t, row in enumerate(ZSCL)]
    titles, _ = short_table(summary([run("zscl", seen, label_space="seen")]))
    assert not {"Transfer", "Avg"} & set(titles)
    assert "Avg incr." in titles


def test_an_undefined_accuracy_is_compared_with_nothing():
    undefined = [*ZSCL[:3], [0.7, NAN, 0.8]]
    right, wrong = [True] * 30, [False] * 30
    runs = [
        run("a", correct=right),
        run("a", seed=1, correct=right),
        run("b", correct=wrong),
        run("b", seed=1, correct=wrong),
        run("zeroshot", correct=wrong),
        run("zeroshot", undefined, seed=1, correct=wrong),
    ]
    (found,) = paired(runs).values()
    assert [(pair.a, pair.b) for pair in found.differences] == [("a", "b")], (
        "one undefined run makes the mean undefined"
    )
    titles, rows = short_table(summary(runs), found.letters)
    alike = {row[0]: (row[1], row[titles.index("Alike")]) for row in rows}
    assert alike["zeroshot"] == ("–", "–")
    assert alike["a"][1] != "–"


def test_tables_that_share_a_benchmark_and_label_space_have_files_of_their_own():
    first, second, third = (
        ("b", "dataset", "tiny"),
        ("b", "dataset", "large"),
        ("c", "dataset", "tiny"),
    )
    assert table_names([first, second, third], 2) == {
        first: "b-dataset-tiny",
        second: "b-dataset-large",
        third: "c-dataset",
    }


def test_a_report_has_the_files_that_its_runs_have_something_for(tmp_path, monkeypatch):
    write_report(ReportData([run("prompt")]), tmp_path / "plain", plots=False)
    written = {path.name for path in (tmp_path / "plain").iterdir()}
    made = {"summary.csv", "summary.md", "summary.tex"}
    assert written == made, "one run: no pairs, no supervision, no answers"
    compared = [run(name, correct=[True, name == "a"]) for name in ("a", "b")]
    write_report(ReportData(compared), tmp_path / "pair", plots=False)
    assert (tmp_path / "pair" / "differences.csv").is_file()


def test_a_new_artefact_of_a_report_is_one_line_of_its_table(tmp_path, monkeypatch):
    def strategies(data):
        return "\n".join(data.summary["strategy"]).encode()

    monkeypatch.setitem(writing.ARTEFACTS, "strategies.txt", strategies)
    write_report(ReportData([run("prompt"), run("lora")]), tmp_path, plots=False)
    assert (tmp_path / "strategies.txt").read_text() == "lora\nprompt"


def test_a_pair_of_backbones_in_one_report_overwrites_no_picture(tmp_path):
    one = run("prompt")
    other = replace(
        run("prompt"),
        origin=replace(one.origin, backbone="large", run="other"),
        records=tuple(replace(record, backbone="large") for record in one.records),
    )
    write_report(ReportData([one, other]), tmp_path)
    assert {path.parent.name for path in tmp_path.glob("plots/*/seen_accuracy.png")} == {
        "b-dataset-tiny",
        "b-dataset-large",
    }


def in_orders(strategy, outcomes):
    """Runs with what each had right, by class order and seed; two experiences of 100 samples."""
    found = []
    for (order, seed), correct in outcomes.items():
        one = run(strategy, seed=seed, correct=correct)
        where = {"class_order": order}
        records = tuple(replace(record, **where) for record in one.records)
        name = f"{one.origin.run}-{order}"
        found.append(replace(one, origin=replace(one.origin, run=name, **where), records=records))
    return found


def nine(rate, *, deterministic):
    generator = np.random.default_rng(int(100 * rate))
    by_order = {order: generator.random(100) < rate for order in range(3)}
    keys = [(order, seed) for order in range(3) for seed in range(3)]
    if deterministic:
        return {key: by_order[key[0]] for key in keys}
    return {key: generator.random(100) < rate for key in keys}


def test_nine_equal_by_seed_runs_are_three_streams_and_three_results():
    runs = in_orders("slda", nine(0.6, deterministic=True)) + in_orders(
        "prompt", nine(0.5, deterministic=False)
    )
    frame = summary(runs).set_index("strategy")
    assert frame.loc["slda", ["n", "streams", "results"]].tolist() == [9, 3, 3]
    assert frame.loc["prompt", ["n", "streams", "results"]].tolist() == [9, 3, 9]
    text = markdown(summary(runs), paired(runs))
    assert "| 9 | 3, 3 distinct results |" in text
    assert "| 9 | 3 |" in text


def test_a_method_that_no_order_moves_has_one_result():
    same = np.random.default_rng(0).random(100) < 0.4
    runs = in_orders("zeroshot", dict.fromkeys(nine(0.5, deterministic=True), same))
    assert summary(runs)[["streams", "results"]].to_numpy().tolist() == [[3, 1]]
    assert streams(3, 1, 9) == "3, 1 distinct result"


def test_differences_say_on_what_they_stand():
    runs = (
        in_orders("a", nine(0.6, deterministic=True))
        + in_orders("b", nine(0.5, deterministic=False))[:6]
    )
    (row,) = differences_frame(paired(runs)).to_dict("records")
    assert (row["runs"], row["orders"]) == (6, 2)
    assert row["low"] < row["mean"] < row["high"]
    assert 0 < row["detectable"] <= row["detectable_holm"]
    assert "Of 1 pairs" in markdown(summary(runs), paired(runs))


def test_one_class_order_is_said_to_be_one():
    runs = [
        run(name, seed=seed, correct=nine(0.5, deterministic=False)[0, seed])
        for name in "ab"
        for seed in range(3)
    ]
    assert "nothing is said about others" in markdown(summary(runs), paired(runs))


def test_an_interval_over_runs_counts_class_orders():
    """By hand: Last is the same in all runs of an order, so that nine runs give two degrees of
    freedom.
    """
    lasts = {0: 0.6, 1: 0.7, 2: 0.9}
    runs = []
    for order, seed in nine(0.5, deterministic=True):
        matrix = [*ZSCL[:3], [lasts[order]] * 3]
        one = run("a", matrix, seed=seed)
        runs.append(
            replace(one, origin=replace(one.origin, class_order=order, run=f"{order}-{seed}"))
        )
    (row,) = summary(runs).to_dict("records")
    expected = stats.t.ppf(0.975, 2) * stats.sem(list(lasts.values()))
    assert row["last_half"] == pytest.approx(expected)
    assert row["last_std"] == pytest.approx(np.std(list(lasts.values()), ddof=1))


def test_letters_in_a_row_are_a_range():
    assert [compact(text) for text in ("abcdf", "ab", "–", "acd", "abc(26)(27)", "")] == [
        "a–df",
        "ab",
        "–",
        "acd",
        "a–c(26)(27)",
        "",
    ]


def lasting(strategy, last, *, train_data="experience", order=0):
    """A run whose final row is `last`."""
    one = run(strategy, [*ZSCL[:3], [last] * 3])
    where = {"class_order": order}
    origin = replace(one.origin, run=f"{strategy}-{order}", train_data=train_data, **where)
    return replace(
        one, origin=origin, records=tuple(replace(record, **where) for record in one.records)
    )


def report_of(lasts):
    runs = [
        lasting(name, last, train_data=data, order=order)
        for (name, data), values in lasts.items()
        for order, last in enumerate(values)
    ]
    return ReportData(runs)


LASTS = {
    ("joint", "joint"): [0.99, 0.98, 0.99, 0.98],
    ("best", "experience"): [0.91, 0.93, 0.92, 0.94],
    ("near", "experience"): [0.90, 0.94, 0.91, 0.93],
    ("a_far", "experience"): [0.50, 0.54, 0.51, 0.53],
}


def test_the_best_is_bold_its_like_are_marked_and_joint_training_is_never_the_best():
    text = writing.summary_md(report_of(LASTS)).decode()
    cells = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1] for line in lines_of(text)
    }
    assert cells == {
        "a_far": "52.0 ± 1.8",
        "best": "**92.5 ± 1.3**",
        "joint": "98.5 ± 0.6",
        "near": "92.0 ± 1.8 ≈",
    }


def lines_of(text):
    """The rows of the first table."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


def test_rows_are_sorted_by_a_metric_the_best_first():
    data = replace(report_of(LASTS), sort="last")
    named = [
        line.split(" | ")[0].removeprefix("| ")
        for line in lines_of(writing.summary_md(data).decode())
    ]
    assert named == ["joint", "best", "near", "a_far"]
    assert list(data.summary["strategy"]) == ["a_far", "best", "joint", "near"], "the CSV stays"
    with pytest.raises(Mistake, match="unknown metric 'lasst': did you mean 'last'"):
        _ = replace(data, sort="lasst").sorted


def test_a_table_for_a_paper_marks_the_same_and_escapes_every_name():
    text = latex(report_of(LASTS).summary, report_of(LASTS).best)
    assert r"best & \textbf{92.5 $\pm$ 1.3}" in text
    assert r"near & \underline{92.0 $\pm$ 1.8}" in text
    assert r"a\_far & 52.0 $\pm$ 1.8" in text
    wild = report_of({(r"\input{x}%&_^~{", "experience"): [0.5]})
    body = latex(wild.summary, wild.best)
    assert r"\textbackslash{}input\{x\}\%\&\_\textasciicircum{}\textasciitilde{}\{ &" in body


def test_real_photographs_are_called_no_toy_world():
    toy = replace(
        run("s"), records=tuple(replace(r, dataset="toy_landcover") for r in run("s").records)
    )
    mine = run("s")
    real_backbone = replace(toy, origin=replace(toy.origin, backbone="large"))
    questions = tuple(replace(r, dataset="toy_scans_vqa/side+comparison") for r in mine.records)
    assert toy_note([toy]) == ALL_TOY
    assert toy_note([mine]) == TOY_MODEL
    assert toy_note([real_backbone]) == TOY_WORLD
    assert toy_note([replace(mine, records=questions)]) == ALL_TOY
    assert toy_note([replace(mine, origin=replace(mine.origin, backbone="large"))]) == ""
    assert TOY_MODEL in writing.summary_md(ReportData([mine])).decode()


def test_bytes_have_one_unit_on_the_screen_and_on_paper():
    kept = replace(
        run("s").records[0], metric="kept_bytes", stream="", experience=-1, value=30_000.0
    )
    frame = summary([replace(run("s"), records=(*run("s").records, kept))])
    assert "29.3 KiB" in markdown(frame, {})
    assert terminal_table(frame)[1][0][5] == "29.3KiB"


def test_a_summary_has_the_same_bytes_with_and_without_pictures(tmp_path):
    data = ReportData([run("s[a=1]")])
    write_report(data, tmp_path / "with")
    write_report(data, tmp_path / "without", plots=False)
    assert (tmp_path / "with" / "plots" / "seen_accuracy.png").is_file()
    assert not (tmp_path / "without" / "plots").exists()
    written, alone = (tmp_path / name / "summary.md" for name in ("with", "without"))
    assert written.read_bytes() == alone.read_bytes()
