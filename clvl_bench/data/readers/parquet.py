"""Parquet files in a folder of one's own: tables whose cells hold encoded images."""

from clvl_bench.data.readers.table import read

__all__ = ["read"]
