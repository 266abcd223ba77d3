"""Settings that nobody would write are one line, at once: files of TOML and `--set`."""

import time
from pathlib import Path

import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.runs.files import run_config
from clvl_bench.runs.toml_files import KEY_PARTS, read_toml

STRANGE = {
    "digits": ("a = " + "9" * 5000, "digits"),
    "lists": ("a = " + "[" * 20_000, "is nested too deeply"),
    "tables": ("a = " + "{b = " * 20_000, "is nested too deeply"),
    "dotted keys": ("a" + ".a" * 20_000 + " = 1", "a key has more than 50 parts"),
    "quoted keys": ("a" + ' . "a"' * 20_000 + " = 1", "a key has more than 50 parts"),
    "a header": ("[a" + ".a" * 20_000 + "]", "a key has more than 50 parts"),
    "a key in a table": ("a = {b" + ".a" * 20_000 + " = 1}", "a key has more than 50 parts"),
    "size": ("#" * 5_000_000, "allowed are 4,000,000"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_toml_that_nobody_wrote_is_one_line_at_once(tmp_path: Path, what: str):
    text, told = STRANGE[what]
    (tmp_path / "s.toml").write_text(text)
    start = time.process_time()
    with pytest.raises(Mistake, match=told) as caught:
        read_toml(tmp_path / "s.toml")
    assert time.process_time() - start < 1.0
    assert "\n" not in str(caught.value)


def test_what_somebody_may_write_is_read(tmp_path: Path):
    names = ", ".join(f'"class number {number}. of 20,000"' for number in range(20_000))
    key = ".".join("a" * KEY_PARTS)
    (tmp_path / "s.toml").write_bytes(b"\xef\xbb\xbf" + f"names = [{names}]\n{key} = 1".encode())
    assert len(read_toml(tmp_path / "s.toml")["names"]) == 20_000


@pytest.mark.parametrize(("override", "told"), [
    ("train.epochs.x=2", "train.epochs is 20 and has no fields; set it itself"),
    ("adapter.kind.x=1", "adapter.kind is 'prompt' and has no fields"),
    ("plugins=3", "plugins: got 3"),
    ("plugins.x=3", "unknown plugins 'x': allowed: replay"),
    ("plugins.replay=2", r"plugins.replay is a table; .* plugins.replay.field=value"),
    ("benchmark.datasets.x=1", "datasets is a list; set it itself"),
    ("benchmark.datasets.x.y=1", "datasets is a list; set it itself"),
    ("train.lr=" + "9" * 5000, "train.lr: got"),
    ("train" + ".x" * 500 + "=1", "unknown field"),
])  # fmt: skip
def test_an_override_that_does_not_fit_is_one_line(override: str, told: str):
    with pytest.raises(Mistake, match=told) as caught:
        run_config("toy_landcover", "prompt_replay", overrides=[override])
    assert "\n" not in str(caught.value)
