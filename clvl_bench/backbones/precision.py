"""Precision: in which numbers matrix products are made. Weights stay fp32, so that an adapter that
copies or trains them gets them whole.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from clvl_bench.backbones.catalog import Precision
from clvl_bench.core.errors import Mistake

HALF: Mapping[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}

FIRST_WITH_TF32 = 8
"""The major number of the first compute capability of GPUs that has tf32 (Ampere)."""


def products_in(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Within, matrix products are made in this precision on a kind of device."""
    if precision == "fp32":
        return nullcontext()
    if precision == "tf32":
        return _tf32()
    return torch.autocast(device, dtype=HALF[precision])


def keep_fp32_whole() -> None:
    """From here on fp32 is fp32 in this process: torch lets a GPU's convolutions, as the patch
    embedding is one, round to tf32 unless it is told otherwise.
    """
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


@contextmanager
def _tf32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def refuse_missing_precision(precision: str, device: str) -> None:
    """Raises:
    Mistake: the device does not have it. (A processor rounds to bf16 and fp16, if slowly.)
    """
    if not device.startswith("cuda"):
        if precision == "tf32":
            raise Mistake(f"precision tf32: {device} has none, only GPUs have; use fp32")
        return
    if precision == "bf16":
        is_there = torch.cuda.is_bf16_supported(including_emulation=False)
    elif precision == "tf32":
        is_there = torch.cuda.get_device_capability(device)[0] >= FIRST_WITH_TF32
    else:
        is_there = True
    if not is_there:
        name = torch.cuda.get_device_name(device)
        raise Mistake(f"precision {precision}: {name} has none; use fp32 or fp16")
