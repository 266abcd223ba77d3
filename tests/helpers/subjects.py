"""Subjects: files of each kind that the suite reads, whole, with what reads them and the command
that does. They are small, so that a mutation meets what matters.
"""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Write = Callable[[Path], Path]
"""Writes all that belongs together into an empty folder; gives the file to break."""
Read = Callable[[Path], object]
"""Reads it, given the folder."""
Command = Callable[[Path], tuple[object, ...]]
"""The arguments of the command that reads it."""


@dataclass(frozen=True)
class Subject:
    """A file that can be read, and broken.

    Args:
        share: how many mutations it gets beside others of its kind; what is slow gets fewer.
        sampled: whether it is quick enough for a sample in the ordinary tests.
    """

    kind: str
    name: str
    write: Write
    read: Read
    command: Command
    share: float = 1.0
    sampled: bool = True

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


# --- what benchmarks name ---

BENCHMARK = """# A benchmark of one's own
version = 1
scenario = "class_incremental"
datasets = ["mine"]
classes_per_experience = [1, 1]
label_space = "seen"
valid_fraction = 0.0
zeroshot = ["toy_shapes"]
metrics = ["balanced_accuracy"]
[dataset.mine]
classes = ["river", "forest"]
labels = ["river", "forest"]
templates = ["a photo of a {{}}."]
on_duplicates = "report"
source = {source}
"""
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


def picture(number: int, form: str = "PNG", mode: str = "RGB", size: int = 6, **options) -> bytes:  # type: ignore[no-untyped-def]
    """A picture of noise in some format."""
    data = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(data, form, **options)
    return data.getvalue()


def _benchmark(folder: Path, source: str) -> None:
    (folder / "b.toml").write_text(BENCHMARK.format(source=source))


def _read_benchmark(folder: Path) -> object:
    from clvl_bench.data.readers.reading import read_split
    from clvl_bench.runs.files import load

    config = load("benchmark", str(folder / "b.toml"))
    mine = config.dataset["mine"]  # type: ignore[attr-defined]
    return [read_split(mine, split) for split in ("train", "test")]


def _check_data(folder: Path) -> tuple[object, ...]:
    return ("check", "b.toml", "--data")


def _of_benchmark(kind: str, name: str, write: Write, **settings) -> Subject:  # type: ignore[no-untyped-def]
    return Subject(kind, name, write, _read_benchmark, _check_data, **settings)


ROWS = [{"image": f"{number}.png", "label": label} for number, label in enumerate((0, 1, 0, 1))]
NAMED = [{**row, "label": ("river", "forest")[int(row["label"])]} for row in ROWS]  # type: ignore[call-overload]


def _pictures(folder: Path) -> None:
    for number in range(4):
        (folder / f"{number}.png").write_bytes(picture(number))


def _table(suffix: str, text: str) -> Write:
    def write(folder: Path) -> Path:
        _pictures(folder)
        files = f'{{ train = "t.{suffix}", test = "t.{suffix}" }}'
        _benchmark(folder, f'{{ kind = "table", path = ".", files = {files} }}')
        (folder / f"t.{suffix}").write_text(text)
        return folder / f"t.{suffix}"

    return write


CSV = "image,label\n" + "".join(f"{row['image']},{row['label']}\n" for row in NAMED)


def _class_folders(folder: Path) -> None:
    for number in range(4):
        name = ("river", "forest")[number % 2]
        (folder / "pictures" / name).mkdir(parents=True, exist_ok=True)
        (folder / "pictures" / name / f"{number}.png").write_bytes(picture(number))


def _coop_list(folder: Path) -> Path:
    _class_folders(folder)
    listed = [[f"river/{number}.png", 0, "river"] for number in (0, 2)]
    listed += [[f"forest/{number}.png", 1, "forest"] for number in (1, 3)]
    (folder / "split.json").write_text(json.dumps({"train": listed[::2], "test": listed[1::2]}))
    _benchmark(folder, '{ kind = "folder", path = "pictures", split_file = "split.json" }')
    return folder / "split.json"


def _text_list(folder: Path) -> Path:
    _class_folders(folder)
    (folder / "train.txt").write_text("river/0.png\nforest/1.png\n")
    (folder / "test.txt").write_text("river/2.png\nforest/3.png\n")
    lists = '{ train = "train.txt", test = "test.txt" }'
    _benchmark(folder, f'{{ kind = "folder", path = "pictures", split_file = {lists} }}')
    return folder / "train.txt"


def _arrays(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (4, 5, 5, 3), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1])
    np.savez(folder / "a.npz", x=images, y=labels, u=images[::-1], v=labels[::-1])
    splits = '{ train = ["x", "y"], test = ["u", "v"] }'
    _benchmark(folder, f'{{ kind = "arrays", path = "a.npz", splits = {splits} }}')
    return folder / "a.npz"


def _compressed_arrays(folder: Path) -> Path:
    with np.load(_arrays(folder)) as file:
        arrays = dict(file)
    np.savez_compressed(folder / "a.npz", **arrays)
    return folder / "a.npz"


def _features(folder: Path) -> Path:
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 0, 1])
    np.savez(folder / "f.npz", x=rows[:4], y=labels, u=rows[:4], v=labels)
    np.save(folder / "t.npy", rows[4:])
    splits = '{ train = [["x", "y"]], test = [["u", "v"]] }'
    source = f'kind = "features", path = "f.npz", text = "t.npy", backbone = "b", splits = {splits}'
    _benchmark(folder, f"{{ {source} }}")
    return folder / "f.npz"


def _texts(folder: Path) -> Path:
    _features(folder)
    return folder / "t.npy"


def _read_texts(folder: Path) -> object:
    from clvl_bench.data.readers.reading import read_text
    from clvl_bench.runs.files import load

    config = load("benchmark", str(folder / "b.toml"))
    return read_text(config.dataset["mine"], "b")  # type: ignore[attr-defined]


def _backbone_features(folder: Path) -> Path:
    from helpers.whu_rs19 import write_arrays

    write_arrays(folder)
    return sorted(folder.glob("*.npz"))[0]


def _read_backbone_features(folder: Path) -> object:
    from helpers.whu_rs19 import declared

    from clvl_bench.data.readers.reading import read_split, read_text

    dataset = declared(folder)
    split = read_split(dataset, "train")
    assert split.features is not None
    found = []
    for backbone in dataset.source.files:  # type: ignore[union-attr]
        found += [split.features(backbone), read_text(dataset, backbone)]
    return found


WHU = """version = 1
scenario = "class_incremental"
datasets = ["whu_rs19"]
classes_per_experience = [10, 9]
label_space = "seen"
[dataset.whu_rs19]
source = { kind = "backbone_features", path = ".", sha256 = {} }
"""


def _check_whu(folder: Path) -> tuple[object, ...]:
    (folder / "b.toml").write_text(WHU)
    return _check_data(folder)


def _parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": picture(number), "path": f"{number}.png"} for number in range(4)]
    kinds = {"names": ["river", "forest"], "_type": "ClassLabel"}
    told = {"info": {"features": {"label": kinds, "image": {"_type": "Image"}}}}
    table = pa.table({"image": cells, "label": pa.array([0, 1, 0, 1])})
    table = table.replace_schema_metadata({"huggingface": json.dumps(told)})
    pq.write_table(table, folder / "t.parquet")
    files = '{ train = "t.parquet", test = "t.parquet" }'
    _benchmark(folder, f'{{ kind = "parquet", path = ".", files = {files} }}')
    return folder / "t.parquet"


def _plain_parquet(folder: Path) -> Path:
    """Without compression and dictionaries, so that a changed byte reaches the values."""
    import pyarrow.parquet as pq

    table = pq.read_table(_parquet(folder))
    pq.write_table(
        table, folder / "t.parquet", compression="none", use_dictionary=False, store_schema=False
    )
    return folder / "t.parquet"


FORMS: dict[str, tuple[str, dict[str, object]]] = {
    "jpg": ("JPEG", {}), "png": ("PNG", {}), "tif": ("TIFF", {}), "bmp": ("BMP", {}),
    "webp": ("WEBP", {}), "gif": ("GIF", {"mode": "P"}), "ppm": ("PPM", {}),
    "deflated.tif": ("TIFF", {"compression": "tiff_deflate"}), "cmyk.jpg": ("JPEG", {"mode": "CMYK"}),
}  # fmt: skip
"""The formats that are read, by suffix."""


def _image(suffix: str) -> Write:
    form, options = FORMS[suffix]

    def write(folder: Path) -> Path:
        _class_folders(folder)
        for part in ("train", "test"):
            shutil.copytree(folder / "pictures", folder / "split" / part)
        broken = folder / "split" / "train" / "river" / f"broken.{suffix}"
        broken.write_bytes(picture(9, form, **options))  # type: ignore[arg-type]
        _benchmark(folder, '{ kind = "folder", path = "split" }')
        return broken

    return write


def _bands(folder: Path) -> Path:
    """A tile of 13 bands of 16 bits, in one strip."""
    import struct

    tile = np.random.default_rng(0).integers(0, 4096, (4, 4, 13), dtype="<u2").tobytes()
    tags = [(256, 4), (257, 4), (259, 1), (273, 0), (277, 13), (279, len(tile)), (284, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries = struct.pack("<H", len(tags) + 1) + entries[:24]
    entries += struct.pack("<HHIHH", 258, 3, 1, 16, 0)
    start = 8 + len(entries) + 12 * (len(tags) - 2) + 4
    for tag, value in tags[2:]:
        entries += struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value)
    data = struct.pack("<4sI", b"II*\0", 8) + entries + bytes(4) + tile
    broken = _image("png")(folder).with_name("broken.tif")
    broken.with_name("broken.png").unlink()
    for each in (folder / "split").rglob("*.png"):
        each.with_suffix(".tif").write_bytes(data)
        each.unlink()
    broken.write_bytes(data)
    rendering = "{ bands = [4, 3, 2], white = 2750 }"
    _benchmark(folder, f'{{ kind = "folder", path = "split", render = {rendering} }}')
    return broken


# --- questions ---

ASKED = [
    {"image": f"{number}.png", "question": "is there a lake?", "answer": answer, "type": "presence",
     "phrase_type": "test_freeform" if number > 1 else "freeform", "answer_type": "CLOSED", "question_type": "PRES",
     "image_name": f"{number}.png", "image_organ": "CHEST", "question_frame": "NULL",
     "img_name": f"{number}.png", "q_lang": "en", "content_type": "Presence", "location": "Chest",
     "modality": "X-Ray"}
    for number, answer in enumerate(("yes", "no", 3, "yes"))
]  # fmt: skip


def _question_rows(folder: Path, *names: str) -> None:
    for place in ("images", "imgs"):
        (folder / place).mkdir()
        _pictures(folder / place)
    _pictures(folder)
    for name in names:
        (folder / name).write_text(json.dumps(ASKED))


def _questions(name: str, fields: str, source: str, *files: str) -> Write:
    def write(folder: Path) -> Path:
        _question_rows(folder, *files)
        (folder / "b.toml").write_text(QUESTIONS.format(name=name, fields=fields, source=source))
        return folder / files[0]

    return write


def _read_questions(folder: Path) -> object:
    from clvl_bench.runs.files import load
    from clvl_bench.streams.reading import read_slices

    return read_slices(load("benchmark", str(folder / "b.toml")))  # type: ignore[arg-type]


TABLE_OF_QUESTIONS = '{ kind = "question_table", path = ".", files = { train = "q.json", test = "q.json" }, columns = { type = "type" } }'


def _of_questions(kind: str, name: str, write: Write, **settings) -> Subject:  # type: ignore[no-untyped-def]
    return Subject(kind, name, write, _read_questions, _check_data, **settings)


# --- settings ---

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


def _settings(text: str) -> Write:
    def write(folder: Path) -> Path:
        _class_folders(folder)
        (folder / "f.toml").write_text(text)
        return folder / "f.toml"

    return write


def _read_settings(folder: Path) -> object:
    from clvl_bench.runs.files import resolved

    return resolved(folder / "f.toml")


def _check_settings(folder: Path) -> tuple[object, ...]:
    return ("check", "f.toml", "--resolved")


def _of_settings(name: str, text: str) -> Subject:
    return Subject("TOML", name, _settings(text), _read_settings, _check_settings)


# --- results ---


def _run_folder(file: str) -> Write:
    """A finished run whose files are broken behind its seal."""

    def write(folder: Path) -> Path:
        from clvl_bench.records.rows import Record
        from clvl_bench.records.run_folder import RunFolder

        row = Record("b", "seen", "s", "tiny", 0, 0, 0, "test", 0, "d", "accuracy", 0.5, 7)
        run = RunFolder(folder / "runs" / "b-s-tiny-s0-0123456789ab")
        predicted = _predictions()
        segment = run.append(0, trained=0, records=[row], predictions=predicted)
        provenance = {"run": run.path.name, "hashed": {"a": 1}}
        timing = {"train_seconds": 1.0}
        run.finish(provenance=provenance, segments=[segment], beside={}, timing=timing)
        run.set_status("done")
        return run.path / file

    return write


def _predictions() -> bytes:
    from safetensors.numpy import save

    columns = {name: np.arange(3, dtype=np.int32) for name in ("ids", "predicted", "true")}
    return save({f"test/0/{name}": values for name, values in columns.items()})


def _failed_run(folder: Path) -> Path:
    from clvl_bench.records.run_folder import RunFolder

    run = RunFolder(folder / "runs" / "b-s-tiny-s0-0123456789ab")
    where = {"benchmark": "b", "label_space": "seen", "strategy": "s", "backbone": "tiny"}
    run.set_failed({**where, "seed": 0, "class_order": 0}, "nan: somewhere")
    return run.path / "status.json"


def _committed(file: str) -> Write:
    def write(folder: Path) -> Path:
        shutil.copytree(COMMITTED, folder / "committed")
        return folder / "committed" / file

    return write


COMMITTED = Path(__file__).parents[2] / "results" / "clip_caltech_delay"


def _read_results(folder: Path) -> object:
    from clvl_bench.report.runs import find_runs

    return find_runs([folder / "committed"])


def _read_run(folder: Path) -> object:
    from clvl_bench.records.run_folder import RunFolder

    (run,) = folder.glob("runs/*")
    opened = RunFolder(run)
    told = [opened.closed, opened.is_of_its_id, opened.failure()]
    return told if not opened.finished else opened.result().predictions(-1)


def _report(folder: Path) -> tuple[object, ...]:
    results = "committed" if (folder / "committed").is_dir() else "."
    return ("report", results, "--out", "out", "--no-plots", "--no-page")


def _of_results(kind: str, name: str, write: Write, **settings) -> Subject:  # type: ignore[no-untyped-def]
    return Subject(kind, name, write, _read_results, _report, **settings)


def _of_run(kind: str, name: str, write: Write, **settings) -> Subject:  # type: ignore[no-untyped-def]
    return Subject(kind, name, write, _read_run, _report, **settings)


PUBLISHED = "benchmark,strategy,source,last,average\nb,s,a paper,70.5,60\nb,t,a paper,,61.25\n"


def _published(folder: Path) -> Path:
    _committed("records.parquet")(folder)
    (folder / "p.csv").write_text(PUBLISHED)
    return folder / "p.csv"


def _read_published(folder: Path) -> object:
    import pandas as pd

    from clvl_bench.report.published import beside, beside_markdown, read_published

    table = beside(
        pd.DataFrame({"benchmark": [], "strategy": []}), read_published(folder / "p.csv")
    )
    return beside_markdown(table)


def _report_beside(folder: Path) -> tuple[object, ...]:
    return (*_report(folder), "--beside", "p.csv")


# --- weights ---


def _weights(folder: Path) -> Path:
    from safetensors.numpy import save

    tensors = {f"module.layer{number}": np.ones((2, 3), np.float32) for number in range(3)}
    (folder / "w.safetensors").write_bytes(save(tensors))
    return folder / "w.safetensors"


def _read_weights(folder: Path) -> object:
    from clvl_bench.backbones.weights import read_tensors

    return read_tensors(folder / "w.safetensors")


def _import_weights(folder: Path) -> tuple[object, ...]:
    return ("import-weights", "w.safetensors", "--arch", "ViT-B-32", "--to", "there")


def _backbone(file: str) -> Write:
    def write(folder: Path) -> Path:
        from small_backbones import write_clip

        return write_clip(folder / "clip") / file

    return write


def _read_backbone(folder: Path) -> object:
    from clvl_bench.backbones.loading import load_backbone

    return load_backbone(str(folder / "clip"))


def _run_backbone(folder: Path) -> tuple[object, ...]:
    asked = ("run", "toy_landcover", "zeroshot", "--backbone", "clip", "--limit", 1, "--no-page")
    return (*asked, "--results", "results")


def _of_backbone(kind: str, file: str) -> Subject:
    settings = {"share": 0.05, "sampled": False}
    return Subject(
        kind, f"backbone, {file}", _backbone(file), _read_backbone, _run_backbone,
        **settings,  # type: ignore[arg-type]
    )  # fmt: skip


def _chunk(folder: Path) -> Path:
    """A kept chunk of features, under the name of its hash."""
    import torch
    from safetensors.torch import save

    from clvl_bench.core.files import sha256

    data = save({"features": torch.ones(3, 4)})
    (folder / f"00000-{sha256(data)}.safetensors").write_bytes(data)
    return next(folder.glob("*.safetensors"))


def _read_chunk(folder: Path) -> object:
    import torch

    from clvl_bench.inputs.features import load_or_compute

    return load_or_compute(folder, "00000", 3, lambda: torch.zeros(3, 4))


# --- archives ---


def _archive(folder: Path) -> Path:
    from unittest.mock import patch

    from clvl_bench.hub import bundle

    cache = folder / "hub"
    with patch("huggingface_hub.constants.HF_HUB_CACHE", str(cache)):
        held = bundle.find("eurosat", verb="test")
        for file in ("data/test-00000-of-00001.parquet", "README.md"):
            (held.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (held.folder / file).write_bytes(file.encode() * 20)
        bundle.pack(["eurosat"], folder / "bundle.tar")
    shutil.rmtree(cache)
    return folder / "bundle.tar"


def _read_archive(folder: Path) -> object:
    from unittest.mock import patch

    from clvl_bench.hub.unpacking import unpack

    with patch("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hub")):
        return unpack(folder / "bundle.tar", folder / "hub")


def _unpack(folder: Path) -> tuple[object, ...]:
    return ("unpack", "bundle.tar")


SUBJECTS: tuple[Subject, ...] = (
    _of_settings("benchmark", BENCHMARK.format(source='{ kind = "folder", path = "pictures" }')),
    _of_settings("strategy", STRATEGY),
    _of_settings("strategy that extends", CHILD),
    _of_settings("experiment", EXPERIMENT),
    _of_benchmark("JSON", "table of images", _table("json", json.dumps(NAMED))),
    _of_benchmark("JSON", "lines", _table("jsonl", "\n".join(map(json.dumps, NAMED)))),
    _of_benchmark("JSON", "list of a split", _coop_list),
    _of_questions("JSON", "questions", _questions("mine", NEW_QUESTIONS, TABLE_OF_QUESTIONS, "q.json")),
    _of_questions(
        "JSON", "VQA-RAD",
        _questions("vqa_rad", NO_SIZES, '{ path = "." }', "VQA_RAD_Dataset_Public.json"),
    ),
    _of_questions(
        "JSON", "SLAKE",
        _questions("slake", NO_SIZES, '{ path = "." }', "train.json", "test.json", "validate.json"),
    ),
    _of_run("JSON", "result", _run_folder("result.json")),
    _of_run("JSON", "status", _failed_run),
    _of_results("JSON", "manifest of results", _committed("manifest.json"), share=0.3),
    _of_backbone("JSON", "config.json"),
    _of_backbone("JSON", "preprocessor_config.json"),
    _of_backbone("JSON", "tokenizer.json"),
    _of_backbone("JSON", "tokenizer_config.json"),
    _of_benchmark("CSV", "table of images", _table("csv", CSV)),
    _of_benchmark("CSV", "separated by tabs", _table("tsv", CSV.replace(",", "\t"))),
    _of_benchmark("CSV", "list of a split", _text_list),
    Subject("CSV", "published numbers", _published, _read_published, _report_beside),
    _of_run("CSV", "rows of a run", _run_folder("segments/0000.csv"), share=0.3),
    _of_benchmark("npz", "arrays", _arrays),
    _of_benchmark("npz", "compressed arrays", _compressed_arrays),
    _of_benchmark("npz", "features", _features),
    Subject("npz", "features of texts", _texts, _read_texts, _check_data),
    Subject(
        "npz", "features of backbones", _backbone_features, _read_backbone_features, _check_whu,
        share=0.3, sampled=False,
    ),
    _of_benchmark("parquet", "table of images", _parquet),
    _of_benchmark("parquet", "plain table of images", _plain_parquet),
    _of_results("parquet", "records", _committed("records.parquet"), share=0.2, sampled=False),
    *(_of_benchmark("image", suffix, _image(suffix)) for suffix in FORMS),
    _of_benchmark("image", "bands", _bands),
    Subject("safetensors", "weights", _weights, _read_weights, _import_weights),
    Subject("safetensors", "kept features", _chunk, _read_chunk, _import_weights),
    _of_run("safetensors", "predictions", _run_folder("predictions/0000.safetensors")),
    _of_backbone("safetensors", "model.safetensors"),
    Subject("tar", "archive", _archive, _read_archive, _unpack),
)  # fmt: skip
KINDS = tuple(dict.fromkeys(each.kind for each in SUBJECTS))


def numbers_of(subject: Subject, total: int) -> range:
    """The seeds of its mutations, of so many for its kind."""
    shares = [each.share for each in SUBJECTS if each.kind == subject.kind]
    count = max(1, round(total * subject.share / sum(shares)))
    return range(count)
