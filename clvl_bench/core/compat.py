"""The torch-torchvision pair: lets a CPU build of torch import the package index's (CUDA)
torchvision.

avalanche-lib and transformers import torchvision for its Python parts. When the compiled part was
built for another torch it does not load, and the import itself then fails with `operator
torchvision::nms does not exist`, because torchvision registers shape functions for two operators
that no library declared. Declaring them is enough. Nothing here calls them; code
that does gets torchvision's own error. On a matching pair this does nothing.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[object] = []  # a torch.library fragment lives as long as its object


def compiled_part_loads() -> bool | None:
    """Whether torchvision's compiled operators load beside this torch; None where torchvision is
    not installed.
    """
    import torch

    if hasattr(torch.ops.torchvision, "roi_align"):
        return True
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    libraries = [*package.glob("_C*.so"), *package.glob("_C*.pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(library)
    except OSError:
        return False
    return bool(libraries)


class _BeforeTorchvision(MetaPathFinder):
    """Runs once, when torchvision is first looked for by any import; then leaves the import to
    Python.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision" and self in sys.meta_path:
            sys.meta_path.remove(self)
            if compiled_part_loads() is False:
                import torch

                fragment = torch.library.Library("torchvision", "FRAGMENT")
                for schema in _SCHEMAS:
                    fragment.define(schema)
                _declared.append(fragment)
        return None


def prepare() -> None:
    """Make a later `import torchvision` safe; imports nothing itself."""
    prepared = any(isinstance(finder, _BeforeTorchvision) for finder in sys.meta_path)
    if "torchvision" not in sys.modules and not prepared:
        sys.meta_path.insert(0, _BeforeTorchvision())
