"""TransCLIP beside the solver that its authors released."""

import torch
from authors.released import assert_equal, candidates, difference, read
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.transclip import adapter as ours
from clvl_bench.methods.transclip.config import TransClipConfig

SCALE = 100.0
"""Which the released code writes out."""
TOLERANCE = 1e-5


def built(released, **settings):
    names = released.settings["names"]
    texts = ClassTexts(names, l2_normalize(released["texts"])[None])
    backbone = PrecomputedBackbone(
        name="stored", logit_scale=SCALE, width=texts.features.shape[-1], text={"d": texts}
    )
    return build_adapter(TransClipConfig(**settings), backbone, candidates(names), seed=0)


def test_without_labels_images_are_assigned_as_released():
    released = read("transclip")
    found = built(released).logits(released["images"], (0, 1, 2, 3, 4))
    assert_equal(found.exp(), released["unlabelled"], TOLERANCE, "assignments")


def released_graph(images: Tensor, shots: Tensor, neighbours: int) -> Tensor:
    """The graph as the released few-shot code uses it [n, n + shots]: its rows are labelled images
    first, and are looked up as if these came last; and the nearest image of a labelled one is taken
    for itself and left out.
    """
    n = len(images)
    cosines = torch.cat([shots, images]) @ images.T
    nearest = cosines.topk(neighbours + 1, dim=1)
    graph = torch.zeros_like(cosines)
    graph.scatter_(1, nearest.indices[:, 1:], nearest.values[:, 1:])
    drawn = graph.T.clone()
    drawn[:, :n] += graph[:n]
    return drawn.to_sparse()


def test_beside_labelled_images_they_are_assigned_as_released_but_for_its_order_of_rows(
    monkeypatch,
):
    released = read("transclip")
    adapter = built(released, shots=released.settings["gamma"])
    adapter.observe(released["shots"], released.integers("shot_labels"))
    corrected = adapter.logits(released["images"], (0, 1, 2, 3, 4))
    monkeypatch.setattr(ours, "neighbour_graph", released_graph)
    found = adapter.logits(released["images"], (0, 1, 2, 3, 4))
    assert_equal(found.exp(), released["with_shots"], TOLERANCE, "assignments")
    assert difference(corrected.exp(), released["with_shots"]) > 100 * TOLERANCE


def test_without_the_norm_of_the_pull_they_are_assigned_otherwise(monkeypatch):
    """What the comparison can see: a pull of neighbours that is not divided by their number."""
    released = read("transclip")
    monkeypatch.setattr(ours, "pull_of_neighbours", lambda neighbours: ours.TEMPERATURE / 2)
    found = built(released).logits(released["images"], (0, 1, 2, 3, 4))
    assert difference(found.exp(), released["unlabelled"]) > 100 * TOLERANCE
