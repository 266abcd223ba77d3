"""Student: an image tower of the domain's own, read against the teacher's text embeddings.

The student of Yang et al. 2024, CLIP-KD (arXiv:2307.12732), classifies through the frozen teacher's
texts; the plugin `clip_kd` adds what the teacher says of the images. The tower is a small
convolutional network with a random start, or the teacher's own image tower with some of its layers
left out, after the manual inheritance of Wu et al. 2023, TinyCLIP (arXiv:2309.12314). Differs:
images come without captions, so that there is no text tower of the student's own and class texts
stand for captions.

It cannot start at zero-shot: an own tower knows nothing yet, and a shortened one says something
else than the whole. With `fusion`, image features are a mean of the student's and the frozen
teacher's; what was never learned is then the teacher's alone to score, so that classes outside the
domain keep their zero-shot quality.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, Towers, l2_normalize, with_towers
from clvl_bench.backbones.sharing import shared
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods.student.config import StudentConfig


class Student(Adapter):
    """Logits are scaled cosines of the student's image features with the teacher's class texts.

    Not zero-shot at first; see the module.
    """

    starts_as_zeroshot = False

    def __init__(
        self, config: StudentConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_towers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.teacher = found
        self.fusion = config.fusion
        self.seen_classes: ClassIds = ()
        self.tower: nn.Module
        if config.tower == "convolutional":
            tower = Convolutional(
                config.width,
                found.width,
                mean=found.preprocessing.mean,
                std=found.preprocessing.std,
            )
            self.tower = tower.to(found.device)
        else:
            self.tower = Inherited(found.towers, config.layers, name=found.name)

    def begin(self, class_ids: ClassIds) -> None:
        self.seen_classes = tuple(dict.fromkeys((*self.seen_classes, *class_ids)))

    def image(self, inputs: Tensor) -> Tensor:
        return shared(self.tower, inputs)

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates, templates=1 if self.training else None)

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        own = super().logits(inputs, candidates)
        if self.training or not self.fusion:
            return own
        images = l2_normalize(self.teacher.image_features(inputs))
        teacher = self.backbone.logit_scale * images @ self._classifier(candidates).T
        seen = [class_id in self.seen_classes for class_id in candidates]
        both = (1 - self.fusion) * own + self.fusion * teacher
        return torch.where(torch.tensor(seen, device=own.device), both, teacher)

    def state(self) -> State:
        return {"learned": list(self.seen_classes), **super().state()}

    def load(self, state: State) -> None:
        self.seen_classes = tuple(state["learned"])
        super().load({name: value for name, value in state.items() if name != "learned"})


class Convolutional(nn.Module):
    """Four strided convolutions, a mean over positions, and a projection into the teacher's width.

    Groups, not batches, are normalised: a sample's features depend on no other.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, width: int, out: int, *, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width, 4 * width)
        blocks: list[nn.Module] = []
        for before, after in zip(sizes, sizes[1:], strict=False):
            blocks += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(4, after),
                nn.GELU(),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.projection = nn.Linear(sizes[-1], out)
        # Pixels are whole numbers up to 255; the backbone's mean and deviation are of shares.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        normal = (pixels.to(self.mean.dtype) - self.mean) / self.std
        features: Tensor = self.projection(self.blocks(normal).mean(dim=(2, 3)))
        return features


class Inherited(nn.Module):
    """The teacher's image tower with `layers` of its layers, evenly spaced from the first to the
    last.

    Raises:
        Mistake: the backbone has no such layers, or fewer.
    """

    def __init__(self, towers: Towers, layers: int, *, name: str) -> None:
        super().__init__()
        whole: Any = copy.deepcopy(towers)
        encoder = getattr(getattr(whole, "vision_model", None), "encoder", None)
        held = 0 if encoder is None else len(encoder.layers)
        if encoder is None or layers > held:
            way_out = f"adapter.layers to at most {held}"
            if not held:
                way_out = 'adapter.tower = "convolutional"'
            raise Mistake(
                f"adapter 'student' is to inherit {layers} layers, and the image tower of {name} "
                f"has {held} to give; set {way_out}"
            )
        keep = [round(number * (held - 1) / max(1, layers - 1)) for number in range(layers)]
        encoder.layers = nn.ModuleList(encoder.layers[number] for number in keep)
        # Only the image tower is the student's: texts are the teacher's.
        whole.text_model = None
        whole.text_projection = None
        self.towers = whole.requires_grad_(True)

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.towers.image(pixels)
        return features
