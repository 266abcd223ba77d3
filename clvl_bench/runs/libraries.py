"""Libraries: what runs stand on, imported at once and without what no run uses.

For commands and their workers, which are processes of ours. `import clvl_bench` does none of this:
a notebook's own imports are its user's.
"""

import gc

from clvl_bench.core.stand_ins import standing_in

UNUSED = (
    "gdown",
    "matplotlib",
    "pytorchcv",
    "qpsolvers",
    "scipy",
    "torch.utils.tensorboard",
    "torchmetrics",
    "wandb",
)
"""What Avalanche and transformers import for metrics, loggers, losses and models of their own."""


def import_libraries() -> None:
    """Import torch, Avalanche, CLIP and the code of a run.

    What is imported stays, so the garbage collector neither looks at it on the way nor ever after;
    processes that are forked from this one then share its pages.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401 (before the others: it asks for some of the same packages)

        with standing_in(UNUSED):
            import avalanche.training  # noqa: F401
            import transformers.models.clip.modeling_clip  # noqa: F401
            from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        # Of hundreds of architectures, for the first weights that are loaded: a thousand patterns.
        get_checkpoint_conversion_mapping("clip")
        import clvl_bench.runs.runner  # noqa: F401
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()
