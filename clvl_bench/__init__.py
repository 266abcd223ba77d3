"""clvl_bench: continual adaptation of vision-language models, run, measured and compared on one
stream.
"""

from clvl_bench.core import compat

__version__ = "0.1.0"

compat.prepare()
