"""Subjects: tables of questions, and files of settings."""

import json
from pathlib import Path

from helpers.subject import Subject, Write
from helpers.subjects_images import check_data, class_folders, pictures

QUESTIONS = """version = 1
scenario = "question_incremental"
datasets = ["{name}"]
label_space = "dataset"
valid_fraction = 0.0
[questions]
track = "closed"
by = "type"
[dataset.{name}]
{fields}
source = {source}
"""
NEW_QUESTIONS = 'domain = "medical"\nnormaliser = "med"'
NO_SIZES = "partitions.official = {}"

ASKED = [
    {"image": f"{number}.png", "question": "is there a lake?", "answer": answer,
     "type": "presence", "phrase_type": "test_freeform" if number > 1 else "freeform",
     "answer_type": "CLOSED", "question_type": "PRES",
     "image_name": f"{number}.png", "image_organ": "CHEST", "question_frame": "NULL",
     "img_name": f"{number}.png", "q_lang": "en", "content_type": "Presence", "location": "Chest",
     "modality": "X-Ray"}
    for number, answer in enumerate(("yes", "no", 3, "yes"))
]  # fmt: skip


def question_rows(folder: Path, *names: str) -> None:
    for place in ("images", "imgs"):
        (folder / place).mkdir()
        pictures(folder / place)
    pictures(folder)
    for name in names:
        (folder / name).write_text(json.dumps(ASKED))


def questions(name: str, fields: str, source: str, *files: str) -> Write:
    def write(folder: Path) -> Path:
        question_rows(folder, *files)
        (folder / "b.toml").write_text(QUESTIONS.format(name=name, fields=fields, source=source))
        return folder / files[0]

    return write


def read_questions(folder: Path) -> object:
    from clvl_bench.runs.files import load
    from clvl_bench.streams.reading import read_slices

    return read_slices(load("benchmark", str(folder / "b.toml")))


TABLE_OF_QUESTIONS = (
    '{ kind = "question_table", path = ".", columns = { type = "type" }, '
    'files = { train = "q.json", test = "q.json" } }'
)


def of_questions(kind: str, name: str, write: Write, **settings: object) -> Subject:
    return Subject(kind, name, write, read_questions, check_data, **settings)


STRATEGY = """# A strategy of one's own
version = 1
[adapter]
kind = "prompt"
context_length = 4
context_init = "random"
[[plugins]]
kind = "replay"
memory_size = 50
[train]
classes = "seen"
epochs = 1
lr = 2e-3
schedule = "cosine"
"""
CHILD = """# A strategy that extends another
version = 1
extends = "zscl"
without = ["plugins.weight_average"]
[[plugins]]
kind = "distillation"
batch_size = 32
[train]
classes = "seen"
"""
EXPERIMENT = """# An experiment
version = 1
benchmarks = ["toy_landcover"]
strategies = ["prompt", "zeroshot"]
seeds = [0, 1]
class_orders = [0, 1]
set = ["train.epochs=1"]
[sweep]
"train.lr" = [2e-4, 2e-3]
"""


def settings(text: str) -> Write:
    def write(folder: Path) -> Path:
        class_folders(folder)
        (folder / "f.toml").write_text(text)
        return folder / "f.toml"

    return write


def read_settings(folder: Path) -> object:
    from clvl_bench.runs.files import resolved

    return resolved(folder / "f.toml")


def check_settings(folder: Path) -> tuple[object, ...]:
    return ("check", "f.toml", "--resolved")


def of_settings(name: str, text: str) -> Subject:
    return Subject("TOML", name, settings(text), read_settings, check_settings)
