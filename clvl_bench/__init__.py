"""clvl_bench: continual adaptation of vision-language models, run, measured and compared on one stream."""

from clvl_bench import torchvision_pair

__version__ = "0.1.0"

torchvision_pair.prepare()
