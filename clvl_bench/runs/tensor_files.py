"""Tensor files: safetensors written from where the tensors lie, without a copy in memory."""

import os
import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write contiguous tensors of the processor's memory.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        # The library puts what the system says into a sentence of its own.
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        number = int(code[1])
        raise OSError(number, os.strerror(number), str(path)) from None
