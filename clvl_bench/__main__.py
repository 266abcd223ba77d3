"""`python -m clvl_bench` is the command `clvl-bench`."""

from clvl_bench.cli.main import main

main()
