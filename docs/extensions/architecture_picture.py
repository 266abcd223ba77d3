"""docs/images/architecture.svg: the floors that import-linter holds, and the way of one number.

`python docs/extensions/architecture_picture.py` draws it anew; a test holds it to the floors of
pyproject.toml.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
ROOMS = {
    "cli": "one file a verb",
    "api": "the public face",
    "audits": "who leaks",
    "reproduce": "a published figure beside ours",
    "runs": "one run, a grid, engines: clusters",
    "hub": "fetch, pack",
    "report": "page, tables, plots",
    "training": "the Avalanche strategy",
    "exporters": "trackers",
    "methods": "one folder each; _base",
    "streams": "datasets become experiences",
    "inputs": "cached features, questions",
    "backbones": "towers, tokenizers, loading",
    "data": "catalog, readers, toy",
    "records": "rows",
    "metrics": "pure arithmetic",
    "core": "errors, schema, rng, files",
}
"""What is in each room, in a few words."""
STEPS = (
    ("forest/0042.jpg", "a picture in a class folder", ""),
    ("Split", "decoded, hashed, counted", "data/readers/folder.py, decode.py, scan.py"),
    ("sample id 17, experience 3 of test", "which class when; labels stay hidden",
     "streams/reading.py, plan.py, label_store.py"),
    ("image feature [512]", "the frozen tower sees it once, ever",
     "inputs/features.py; backbones/clip.py"),
    ("Avalanche experience", "streams train, valid, test, zeroshot", "streams/scenario.py"),
    ("logits [classes]", "row 0: the untouched backbone; then after each experience",
     "training/strategy.py; methods/prompt/adapter.py"),
    ("accuracy 0.871", "an Avalanche PluginMetric", "training/evaluation.py"),
    ("one record", "benchmark, strategy, seed, trained 4, test, 3, accuracy, 0.871",
     "records/rows.py, run_folder.py; runs/runner.py"),
    ("one line of summary.csv", "mean and spread over runs",
     "report/runs.py, matrices.py, summary.py; metrics/"),
)  # fmt: skip
"""What a number is on its way, what happens to it, and where."""
WIDTH, HEIGHT, TOP = 1000, 640, 44
STYLE = """
text { font-family: 'DejaVu Sans', Verdana, sans-serif; font-size: 11px; fill: #333 }
.head { font-size: 14px; font-weight: 700; fill: #111 }
.room { font-size: 13px; font-weight: 700; fill: #16324f }
.thing { font-size: 13px; font-weight: 700; fill: #4a3a12 }
.file { font-family: 'DejaVu Sans Mono', monospace; fill: #1d4f7a }
.end { text-anchor: end }
.floor { fill: #eef3f8; stroke: #4b6a88 }
.step { fill: #fff7ea; stroke: #9a7b3f }
.first { fill: #e9f5e9; stroke: #9a7b3f }
"""


def floors() -> list[list[str]]:
    """The rooms of each floor, the highest first, as import-linter holds them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    return [floor.split(" | ") for floor in layers if floor != "__main__"]


def picture() -> str:
    """The whole picture."""
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Rooms and their floors, and the way of one number</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(10, 24, "Rooms: an import may only point down", "head"),
        *_floors(floors()),
        _text(470, 24, "The way of one number", "head"),
        *_steps(STEPS),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _floors(rows: Sequence[Sequence[str]]) -> list[str]:
    """A box a floor; inside, its rooms side by side."""
    drawn = []
    pitch = (HEIGHT - TOP) / len(rows)
    for number, rooms in enumerate(rows):
        y = TOP + number * pitch
        drawn.append(_box(10, y, 430, pitch - 10, "floor"))
        for place, room in enumerate(rooms):
            x = 24 + place * 420 / len(rooms)
            drawn.append(_text(x, y + 17, room, "room"))
            drawn.append(_text(x, y + 31, ROOMS[room], ""))
    return drawn


def _steps(steps: Sequence[tuple[str, str, str]]) -> list[str]:
    """A box a step, and an arrow to the next one."""
    drawn = []
    pitch = (HEIGHT - TOP) / len(steps)
    for number, (thing, what, file) in enumerate(steps):
        y = TOP + number * pitch
        ends = number in (0, len(steps) - 1)
        drawn.append(_box(470, y, 520, pitch - 20, "first" if ends else "step"))
        drawn.append(_text(484, y + 19, thing, "thing"))
        drawn.append(_text(976, y + 19, what, "end"))
        drawn.append(_text(484, y + 36, file, "file"))
        if number:
            drawn.append(f'<path d="M730 {y - 18:.0f} v10 m-4 -4 l4 8 l4 -8" {ARROW}/>')
    return drawn


ARROW = 'fill="none" stroke="#666" stroke-width="1.5"'


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    where = f'x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<rect {where} rx="6" class="{kind}"/>'


def _text(x: float, y: float, said: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(said)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
