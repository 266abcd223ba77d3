"""Imported by the process that workers are forked from, which takes names of modules only: with it
all libraries of a run are there.
"""

from clvl_bench.runs.libraries import import_libraries

import_libraries()
