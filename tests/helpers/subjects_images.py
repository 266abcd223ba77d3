"""Subjects: files with images, and with lists, arrays and features in their place."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
from helpers.subject import Subject, Write
from PIL import Image

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


def picture(
    number: int, form: str = "PNG", mode: str = "RGB", size: int = 6, **options: object
) -> bytes:
    """A picture of noise in some format."""
    data = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(data, form, **options)
    return data.getvalue()


def benchmark(folder: Path, source: str) -> None:
    (folder / "b.toml").write_text(BENCHMARK.format(source=source))


def read_benchmark(folder: Path) -> object:
    from clvl_bench.data.readers.reading import read_split
    from clvl_bench.runs.files import load

    config = load("benchmark", str(folder / "b.toml"))
    mine = config.dataset["mine"]
    return [read_split(mine, split) for split in ("train", "test")]


def check_data(folder: Path) -> tuple[object, ...]:
    return ("check", "b.toml", "--data")


def of_benchmark(kind: str, name: str, write: Write, **settings: object) -> Subject:
    return Subject(kind, name, write, read_benchmark, check_data, **settings)


ROWS = [{"image": f"{number}.png", "label": label} for number, label in enumerate((0, 1, 0, 1))]
NAMED = [{**row, "label": ("river", "forest")[int(row["label"])]} for row in ROWS]


def pictures(folder: Path) -> None:
    for number in range(4):
        (folder / f"{number}.png").write_bytes(picture(number))


def table(suffix: str, text: str) -> Write:
    def write(folder: Path) -> Path:
        pictures(folder)
        files = f'{{ train = "t.{suffix}", test = "t.{suffix}" }}'
        benchmark(folder, f'{{ kind = "table", path = ".", files = {files} }}')
        (folder / f"t.{suffix}").write_text(text)
        return folder / f"t.{suffix}"

    return write


CSV = "image,label\n" + "".join(f"{row['image']},{row['label']}\n" for row in NAMED)


def class_folders(folder: Path) -> None:
    for number in range(4):
        name = ("river", "forest")[number % 2]
        (folder / "pictures" / name).mkdir(parents=True, exist_ok=True)
        (folder / "pictures" / name / f"{number}.png").write_bytes(picture(number))


def coop_list(folder: Path) -> Path:
    class_folders(folder)
    listed = [[f"river/{number}.png", 0, "river"] for number in (0, 2)]
    listed += [[f"forest/{number}.png", 1, "forest"] for number in (1, 3)]
    (folder / "split.json").write_text(json.dumps({"train": listed[::2], "test": listed[1::2]}))
    benchmark(folder, '{ kind = "folder", path = "pictures", split_file = "split.json" }')
    return folder / "split.json"


def text_list(folder: Path) -> Path:
    class_folders(folder)
    (folder / "train.txt").write_text("river/0.png\nforest/1.png\n")
    (folder / "test.txt").write_text("river/2.png\nforest/3.png\n")
    lists = '{ train = "train.txt", test = "test.txt" }'
    benchmark(folder, f'{{ kind = "folder", path = "pictures", split_file = {lists} }}')
    return folder / "train.txt"


def arrays(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (4, 5, 5, 3), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1])
    np.savez(folder / "a.npz", x=images, y=labels, u=images[::-1], v=labels[::-1])
    splits = '{ train = ["x", "y"], test = ["u", "v"] }'
    benchmark(folder, f'{{ kind = "arrays", path = "a.npz", splits = {splits} }}')
    return folder / "a.npz"


def compressed_arrays(folder: Path) -> Path:
    with np.load(arrays(folder)) as file:
        found = dict(file)
    np.savez_compressed(folder / "a.npz", **found)
    return folder / "a.npz"


def features(folder: Path) -> Path:
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 0, 1])
    np.savez(folder / "f.npz", x=rows[:4], y=labels, u=rows[:4], v=labels)
    np.save(folder / "t.npy", rows[4:])
    splits = '{ train = [["x", "y"]], test = [["u", "v"]] }'
    source = f'kind = "features", path = "f.npz", text = "t.npy", backbone = "b", splits = {splits}'
    benchmark(folder, f"{{ {source} }}")
    return folder / "f.npz"


def texts(folder: Path) -> Path:
    features(folder)
    return folder / "t.npy"


def read_texts(folder: Path) -> object:
    from clvl_bench.data.readers.reading import read_text
    from clvl_bench.runs.files import load

    config = load("benchmark", str(folder / "b.toml"))
    return read_text(config.dataset["mine"], "b")


def backbone_features(folder: Path) -> Path:
    from helpers.whu_rs19 import write_arrays

    write_arrays(folder)
    return sorted(folder.glob("*.npz"))[0]


def read_backbone_features(folder: Path) -> object:
    from helpers.whu_rs19 import declared

    from clvl_bench.data.readers.reading import read_split, read_text

    dataset = declared(folder)
    split = read_split(dataset, "train")
    assert split.features is not None
    found = []
    for backbone in dataset.source.files:
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


def check_whu(folder: Path) -> tuple[object, ...]:
    (folder / "b.toml").write_text(WHU)
    return check_data(folder)


def parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": picture(number), "path": f"{number}.png"} for number in range(4)]
    kinds = {"names": ["river", "forest"], "_type": "ClassLabel"}
    told = {"info": {"features": {"label": kinds, "image": {"_type": "Image"}}}}
    table = pa.table({"image": cells, "label": pa.array([0, 1, 0, 1])})
    table = table.replace_schema_metadata({"huggingface": json.dumps(told)})
    pq.write_table(table, folder / "t.parquet")
    files = '{ train = "t.parquet", test = "t.parquet" }'
    benchmark(folder, f'{{ kind = "parquet", path = ".", files = {files} }}')
    return folder / "t.parquet"


def plain_parquet(folder: Path) -> Path:
    """Without compression and dictionaries, so that a changed byte reaches the values."""
    import pyarrow.parquet as pq

    table = pq.read_table(parquet(folder))
    pq.write_table(
        table, folder / "t.parquet", compression="none", use_dictionary=False, store_schema=False
    )
    return folder / "t.parquet"


FORMS: dict[str, tuple[str, dict[str, object]]] = {
    "jpg": ("JPEG", {}), "png": ("PNG", {}), "tif": ("TIFF", {}), "bmp": ("BMP", {}),
    "webp": ("WEBP", {}), "gif": ("GIF", {"mode": "P"}), "ppm": ("PPM", {}),
    "deflated.tif": ("TIFF", {"compression": "tiff_deflate"}),
    "cmyk.jpg": ("JPEG", {"mode": "CMYK"}),
}  # fmt: skip
"""The formats that are read, by suffix."""


def image(suffix: str) -> Write:
    form, options = FORMS[suffix]

    def write(folder: Path) -> Path:
        class_folders(folder)
        for part in ("train", "test"):
            shutil.copytree(folder / "pictures", folder / "split" / part)
        broken = folder / "split" / "train" / "river" / f"broken.{suffix}"
        broken.write_bytes(picture(9, form, **options))
        benchmark(folder, '{ kind = "folder", path = "split" }')
        return broken

    return write


def bands(folder: Path) -> Path:
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
    broken = image("png")(folder).with_name("broken.tif")
    broken.with_name("broken.png").unlink()
    for each in (folder / "split").rglob("*.png"):
        each.with_suffix(".tif").write_bytes(data)
        each.unlink()
    broken.write_bytes(data)
    rendering = "{ bands = [4, 3, 2], white = 2750 }"
    benchmark(folder, f'{{ kind = "folder", path = "split", render = {rendering} }}')
    return broken
