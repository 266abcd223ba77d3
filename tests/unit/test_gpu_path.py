"""What a run does on a GPU, as far as a processor can show it."""

import torch

from clvl_bench.core import resources
from clvl_bench.inputs import features


def test_the_peak_of_a_device_is_that_of_a_gpu_alone(monkeypatch):
    assert resources.peak_device_mib("cpu") is None
    resources.reset_device_peak("cpu")
    asked = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", asked.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**20)
    resources.reset_device_peak("cuda:1")
    assert asked == ["cuda:1"]
    assert resources.peak_device_mib("cuda:1") == 3.0


def test_features_that_would_fill_a_device_stay_where_they_are(monkeypatch):
    whole = torch.zeros(1024)
    monkeypatch.setattr(features, "free_memory", lambda device: (2 * whole.nbytes - 1, 10**9))
    assert features.placed(whole, "cuda") is whole
    assert features.placed(whole, "cpu") is whole
