"""clvl_bench: continual adaptation of vision-language models, run, measured and compared on one stream."""

from clvl_bench.torchvision_pair import prepare

__version__ = "0.1.0"

prepare()
