"""EfficientNet-Lite0, an image classifier of convolutions alone, under the names of its published
weights.

Tan and Le 2019 (arXiv:1905.11946); Lite leaves out squeeze-and-excitation and has ReLU6 for swish.
Widths, kernels and expansions are read from the weights; what weights do not say (strides, padding,
the epsilon of the norms) stands here. Padding is TensorFlow's `same`, from which the weights were
converted: where it is odd, the larger part is below and to the right.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

DEPTH = 16
"""Blocks of Lite0."""
HALVING = (1, 3, 5, 11)
"""The blocks that halve height and width, as the stem does."""
CPU_BATCH = 16
"""Pictures that go through the tower together on a CPU."""
EPSILON = 1e-3
"""What the norms add to a variance."""

Weights = Mapping[str, Tensor]


class Convolution(nn.Conv2d):
    """A convolution without bias, of the shape of its weight; its output is ceil(side / stride)
    wide.
    """

    def __init__(self, weight: Tensor, *, stride: int = 1) -> None:
        wide, of_group, kernel, _ = weight.shape
        # Depthwise kernels see one channel each; a group of one is every other convolution.
        groups = wide if of_group == 1 else 1
        super().__init__(of_group * groups, wide, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        height, width = hidden.shape[2:]
        return super().forward(pad(hidden, (*self._border(width), *self._border(height))))

    def _border(self, side: int) -> tuple[int, int]:
        kernel = self.kernel_size[0]
        stride = self.stride[0]
        missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return missing // 2, missing - missing // 2


class Norm(nn.BatchNorm2d):
    """A batch norm that is never in training mode: no prediction depends on its neighbours, also
    while the tower trains.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__(len(weight), eps=EPSILON)

    def train(self, mode: bool = True) -> "Norm":
        super().train(False)
        return self


class Block(nn.Module):
    """Expand, look around, project; with a shortcut where the shapes allow one."""

    def __init__(self, weights: Weights, name: str, *, stride: int) -> None:
        super().__init__()
        self.expands = f"{name}._expand_conv.weight" in weights
        if self.expands:
            self._expand_conv = Convolution(weights[f"{name}._expand_conv.weight"])
            self._bn0 = Norm(weights[f"{name}._bn0.weight"])
        depthwise = weights[f"{name}._depthwise_conv.weight"]
        self._depthwise_conv = Convolution(depthwise, stride=stride)
        self._bn1 = Norm(weights[f"{name}._bn1.weight"])
        self._project_conv = Convolution(weights[f"{name}._project_conv.weight"])
        self._bn2 = Norm(weights[f"{name}._bn2.weight"])
        entry = self._expand_conv if self.expands else self._depthwise_conv
        same_width = entry.in_channels == self._project_conv.out_channels
        self.has_shortcut = stride == 1 and same_width

    def forward(self, hidden: Tensor) -> Tensor:
        inner = hidden
        if self.expands:
            inner = relu6(self._bn0(self._expand_conv(inner)))
        inner = relu6(self._bn1(self._depthwise_conv(inner)))
        projected: Tensor = self._bn2(self._project_conv(inner))
        return projected + hidden if self.has_shortcut else projected


class EfficientNetLite(nn.Module):
    """The classifier without its last layer: pixels to a map of features.

    Args:
        weights: the published state dict; what is no tower's, its `_fc`, is left out.

    Raises:
        KeyError: a weight is missing.
        RuntimeError: a weight has another shape than its neighbours ask for.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._conv_stem = Convolution(weights["_conv_stem.weight"], stride=2)
        self._bn0 = Norm(weights["_bn0.weight"])
        self._blocks = nn.ModuleList()
        for number in range(DEPTH):
            stride = 2 if number in HALVING else 1
            self._blocks.append(Block(weights, f"_blocks.{number}", stride=stride))
        self._conv_head = Convolution(weights["_conv_head.weight"])
        self._bn1 = Norm(weights["_bn1.weight"])
        tower = {name: weight for name, weight in weights.items() if not name.startswith("_fc.")}
        self.load_state_dict(tower)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Features [batch, width, height / 32, width / 32] of normalised pixels [batch, 3, height,
        width]; their mean over places is what the classifier reads.
        """
        channels_last = pixels.contiguous(memory_format=torch.channels_last)
        # The first maps are large. On a CPU those of a few pictures stay in its cache, and take a
        # third of the time of those of a few hundred.
        together = CPU_BATCH if pixels.device.type == "cpu" else len(pixels)
        return torch.cat([self._maps(part) for part in channels_last.split(together)])

    def _maps(self, pixels: Tensor) -> Tensor:
        hidden = relu6(self._bn0(self._conv_stem(pixels)))
        for block in self._blocks:
            hidden = block(hidden)
        return relu6(self._bn1(self._conv_head(hidden)))
