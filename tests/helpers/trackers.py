"""What lies in a tracker, read by the tracker's own reader: each value with its curve and step."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Points = list[tuple[str, int, float]]
PATIENCE = 10.0
"""Seconds."""


def read_tensorboard(folder: Path, results: Path) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    scalars = events.PluginTagToContent("scalars")
    return [
        (name, event.step, float(make_ndarray(event.tensor_proto)))
        for name in scalars
        for event in events.Tensors(name)
    ]


def read_mlflow(folder: Path, results: Path) -> Points:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("clvl_bench").experiment_id
    (run,) = client.search_runs([experiment], f"attributes.run_name = '{folder.name}'")
    return [
        (name, metric.step, metric.value)
        for name in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    ]


def read_trackio(folder: Path, results: Path) -> Points:
    from trackio.sqlite_storage import SQLiteStorage

    logged = SQLiteStorage.get_logs("clvl_bench", folder.name)
    return [
        (name, row["step"], value)
        for row in logged
        for name, value in row.items()
        if name not in ("step", "timestamp")
    ]


def read_wandb(folder: Path, results: Path) -> Points:
    """Of offline files, whose records are of its own published schema."""
    found: Points = []
    for file in sorted(results.glob("wandb/offline-run-*/*.wandb")):
        for record in _of_part(file):
            items = {_key(item): json.loads(item.value_json) for item in record.history.item}
            found += [
                (name, items["step"], float(value))
                for name, value in items.items()
                if name != "step" and not name.startswith("_")
            ]
    return found


def _of_part(file: Path) -> list[Any]:
    """Its own process writes the file, and ends a moment after the run does."""
    from wandb.proto.wandb_internal_pb2 import Record

    give_up = time.monotonic() + PATIENCE
    while True:
        records = [Record.FromString(data) for data in _of_log(file.read_bytes())]
        kinds = {record.WhichOneof("record_type") for record in records}
        if "exit" in kinds or time.monotonic() > give_up:
            return records
        time.sleep(0.01)


def _key(item) -> str:  # type: ignore[no-untyped-def]
    return item.key or "/".join(item.nested_key)


def _of_log(data: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, behind the seven bytes of W&B's header."""
    block, head, at = 32768, 7, 7
    whole = b""
    while at + head <= len(data):
        left = block - at % block
        if left < head:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + head])
        part = data[at + head : at + head + size]
        if len(part) < size:
            return
        at += head + size
        whole = part if kind in (1, 2) else whole + part
        if kind in (1, 4):
            yield whole


READERS = {
    "tensorboard": read_tensorboard,
    "trackio": read_trackio,
    "mlflow": read_mlflow,
    "wandb": read_wandb,
}
