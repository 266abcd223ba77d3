"""Teacher: a frozen backbone that a student learns from: its features of images, by sample id, and
of classes.

By default it is the backbone that adapts, untouched. Another one (a RemoteCLIP for a CLIP, a large
for a small) may have features of another width: its similarities can be compared all the same, and
where features must be, a declared projection maps the student's. A teacher's features never carry a
gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, with_towers
from clvl_bench.data.catalog.candidate import Candidate


@dataclass(frozen=True)
class Teacher:
    """A frozen backbone; `images` gives its image features [batch, width], not normalised, for
    sample ids [batch].
    """

    backbone: Backbone
    images: Callable[[Tensor], Tensor]

    @property
    def width(self) -> int:
        return self.backbone.width

    @property
    def logit_scale(self) -> float:
        return self.backbone.logit_scale

    @torch.no_grad()
    def features(self, ids: Tensor) -> Tensor:
        """Image features [batch, width], not normalised."""
        return self.images(ids).detach()

    @torch.no_grad()
    def texts(self, candidates: Sequence[Candidate], *, templates: int | None = None) -> Tensor:
        """Unit text feature of each class [classes, width]."""
        return self.backbone.class_features(candidates, templates=templates).detach()

    @torch.no_grad()
    def captions(self, sentences: Sequence[str]) -> Tensor:
        """Unit text feature of each sentence [sentences, width].

        Raises:
            Mistake: the backbone has no towers.
        """
        towers = with_towers(self.backbone, wanted_by="a teacher of captions")
        return l2_normalize(towers.text_features(sentences))


class Projection(nn.Module):
    """The declared map of a student's features to a teacher's width: linear, fixed; none where
    widths agree.

    It is fitted once by ridge regression, from the untouched student's features of some images to
    the teacher's features of them, both as unit features, so that a student which has not learned
    anything is mapped as near to its teacher as a linear map can. It does not train, so that a loss
    becomes smaller by the student alone. (CLIP-KD, Yang et al. 2024,
    arXiv:2307.12732, trains its projection with the student instead; a method that wants that owns
    a linear layer.)
    """

    weight: Tensor

    def __init__(self, student: Tensor, teacher: Tensor, *, ridge: float = 1e-3) -> None:
        """From features of the same images [images, student width], [images, teacher width]."""
        super().__init__()
        weight = torch.empty(0)
        if student.shape[1] != teacher.shape[1]:
            weight = _fitted(l2_normalize(student), l2_normalize(teacher), ridge)
        self.register_buffer("weight", weight)

    def forward(self, features: Tensor) -> Tensor:
        """[batch, teacher width] from a student's features [batch, student width]."""
        if not self.weight.numel():
            return features
        return l2_normalize(features) @ self.weight


def _fitted(student: Tensor, teacher: Tensor, ridge: float) -> Tensor:
    """The ridge solution [student width, teacher width], in double precision."""
    x = student.double()
    y = teacher.double()
    width = x.shape[1]
    identity = torch.eye(width, dtype=x.dtype, device=x.device)
    # The mean of the diagonal of x.T @ x is len(x) / width: `ridge` is relative to it.
    gram = x.T @ x + ridge * len(x) / width * identity
    weight: Tensor = torch.linalg.solve(gram, x.T @ y).to(student.dtype)
    return weight
