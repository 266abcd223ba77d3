"""Subjects: results, weights and archives."""

import shutil
from pathlib import Path

import numpy as np
from helpers.subject import Subject, Write


def run_folder(file: str) -> Write:
    """A finished run whose files are broken behind its seal."""

    def write(folder: Path) -> Path:
        from clvl_bench.records.rows import Record
        from clvl_bench.records.run_folder import RunFolder

        row = Record("b", "seen", "s", "tiny", 0, 0, 0, "test", 0, "d", "accuracy", 0.5, 7)
        run = RunFolder(folder / "runs" / "b-s-tiny-s0-0123456789ab")
        predicted = predictions()
        segment = run.append(0, trained=0, records=[row], predictions=predicted)
        provenance = {"run": run.path.name, "hashed": {"a": 1}}
        timing = {"train_seconds": 1.0}
        run.finish(provenance=provenance, segments=[segment], beside={}, timing=timing)
        run.set_status("done")
        return run.path / file

    return write


def predictions() -> bytes:
    from safetensors.numpy import save

    columns = {name: np.arange(3, dtype=np.int32) for name in ("ids", "predicted", "true")}
    return save({f"test/0/{name}": values for name, values in columns.items()})


def failed_run(folder: Path) -> Path:
    from clvl_bench.records.run_folder import RunFolder

    run = RunFolder(folder / "runs" / "b-s-tiny-s0-0123456789ab")
    where = {"benchmark": "b", "label_space": "seen", "strategy": "s", "backbone": "tiny"}
    run.set_failed({**where, "seed": 0, "class_order": 0}, "nan: somewhere")
    return run.path / "status.json"


def committed(file: str) -> Write:
    def write(folder: Path) -> Path:
        shutil.copytree(COMMITTED, folder / "committed")
        return folder / "committed" / file

    return write


COMMITTED = Path(__file__).parents[2] / "results" / "clip_caltech_delay"


def read_results(folder: Path) -> object:
    from clvl_bench.report.runs import find_runs

    return find_runs([folder / "committed"])


def read_run(folder: Path) -> object:
    from clvl_bench.records.run_folder import RunFolder

    (run,) = folder.glob("runs/*")
    opened = RunFolder(run)
    told = [opened.closed, opened.is_of_its_id, opened.failure()]
    return told if not opened.finished else opened.result().predictions(-1)


def report(folder: Path) -> tuple[object, ...]:
    results = "committed" if (folder / "committed").is_dir() else "."
    return ("report", results, "--out", "out", "--no-plots", "--no-page")


def of_results(kind: str, name: str, write: Write, **settings: object) -> Subject:
    return Subject(kind, name, write, read_results, report, **settings)


def of_run(kind: str, name: str, write: Write, **settings: object) -> Subject:
    return Subject(kind, name, write, read_run, report, **settings)


def committed_csv(file: str) -> Write:
    """A folder as versions before wrote it, without hashes."""

    def write(folder: Path) -> Path:
        from clvl_bench.records.rows import Record, to_csv
        from clvl_bench.report.origin import Origin

        where = ("b", "dataset", "s", "tiny", 0, 0)
        origin = vars(Origin("b-s-tiny-s0-0123", *where, state="done"))
        told = f"{','.join(origin)}\n{','.join(map(str, origin.values()))}\n"
        rows = [Record(*where, done, "test", 0, "d", "accuracy", 0.5, 8) for done in range(2)]
        answers = "run,trained,group,name,right,n\nb-s-tiny-s0-0123,1,overall,,5,9\n"
        files = {"runs.csv": told.encode(), "records.csv": to_csv(rows)}
        files["correct.csv"] = b"run,samples,bits\nb-s-tiny-s0-0123,8,a5\n"
        files["answers.csv"] = answers.encode()
        (folder / "committed").mkdir()
        for name, data in files.items():
            (folder / "committed" / name).write_bytes(data)
        return folder / "committed" / file

    return write


PUBLISHED = "benchmark,strategy,source,last,average\nb,s,a paper,70.5,60\nb,t,a paper,,61.25\n"


def published(folder: Path) -> Path:
    committed("records.parquet")(folder)
    (folder / "p.csv").write_text(PUBLISHED)
    return folder / "p.csv"


def read_published(folder: Path) -> object:
    import pandas as pd

    from clvl_bench.report.published import beside, beside_markdown, read_published

    table = beside(
        pd.DataFrame({"benchmark": [], "strategy": []}), read_published(folder / "p.csv")
    )
    return beside_markdown(table)


def report_beside(folder: Path) -> tuple[object, ...]:
    return (*report(folder), "--beside", "p.csv")


# --- weights ---


def weights(folder: Path) -> Path:
    from safetensors.numpy import save

    tensors = {f"module.layer{number}": np.ones((2, 3), np.float32) for number in range(3)}
    (folder / "w.safetensors").write_bytes(save(tensors))
    return folder / "w.safetensors"


def read_weights(folder: Path) -> object:
    from clvl_bench.backbones.weights import read_tensors

    return read_tensors(folder / "w.safetensors")


def import_weights(folder: Path) -> tuple[object, ...]:
    return ("import-weights", "w.safetensors", "--arch", "ViT-B-32", "--to", "there")


def backbone(file: str) -> Write:
    def write(folder: Path) -> Path:
        from small_backbones import write_clip

        return write_clip(folder / "clip") / file

    return write


def read_backbone(folder: Path) -> object:
    from clvl_bench.backbones.loading import load_backbone

    return load_backbone(str(folder / "clip"))


def run_backbone(folder: Path) -> tuple[object, ...]:
    asked = ("run", "toy_landcover", "zeroshot", "--backbone", "clip", "--limit", 1, "--no-page")
    return (*asked, "--results", "results")


def of_backbone(kind: str, file: str) -> Subject:
    settings = {"share": 0.05, "sampled": False}
    return Subject(
        kind, f"backbone, {file}", backbone(file), read_backbone, run_backbone,
        **settings,
    )  # fmt: skip


def chunk(folder: Path) -> Path:
    """A kept chunk of features, under the name of its hash."""
    import torch
    from safetensors.torch import save

    from clvl_bench.core.files import sha256

    data = save({"features": torch.ones(3, 4)})
    (folder / f"00000-{sha256(data)}.safetensors").write_bytes(data)
    return next(folder.glob("*.safetensors"))


def read_chunk(folder: Path) -> object:
    import torch

    from clvl_bench.inputs.features import load_or_compute

    return load_or_compute(folder, "00000", 3, lambda: torch.zeros(3, 4))


# --- archives ---


def archive(folder: Path) -> Path:
    from unittest.mock import patch

    from clvl_bench.hub import bundle

    cache = folder / "hub"
    with patch("huggingface_hub.constants.HF_HUB_CACHE", str(cache)):
        held = bundle.find("eurosat", verb="test")
        tables = [
            f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")
        ]
        for file in (*tables, "README.md"):
            (held.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (held.folder / file).write_bytes(file.encode() * 20)
        bundle.pack(["eurosat"], folder / "bundle.tar")
    shutil.rmtree(cache)
    return folder / "bundle.tar"


def read_archive(folder: Path) -> object:
    from unittest.mock import patch

    from clvl_bench.hub.unpacking import unpack

    with patch("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hub")):
        return unpack(folder / "bundle.tar", folder / "hub")


def unpack(folder: Path) -> tuple[object, ...]:
    return ("unpack", "bundle.tar")
