"""Heads: what is learned on frozen image features, and nothing at all."""

from typing import ClassVar, Literal

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class NoneAdapter(Strict):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    reads: ClassVar[Reads] = "image_features"
    trains: ClassVar[bool] = False
    kind: Literal["none"] = "none"


class LinearAdapter(Strict):
    """A linear head on frozen image features, each row starting as its class's text (Radford et al. 2021)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["linear"] = "linear"


class CosineAdapter(Strict):
    """A head of unit rows on unit features, each starting as its class's text (Gidaris & Komodakis 2018)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["cosine"] = "cosine"
