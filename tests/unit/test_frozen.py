"""What no longer changes is written once; a checkpoint is as whole as before."""

import errno

import pytest
import torch

from clvl_bench.core import files
from clvl_bench.core.files import PLAIN
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.frozen import FROZEN, SMALL, FrozenTensors
from clvl_bench.runs.tensor_files import write_tensors

LARGE = SMALL // 4


def tensors(experience):
    """One that is learned in each experience, one that never changes, a small one."""
    return {
        "learned": torch.full((LARGE,), float(experience)),
        "projection": torch.arange(2.0 * LARGE),
        "small": torch.ones(3),
    }


def kept(folder, experience, frozen, state=None):
    state = {"adapter": state or tensors(experience)}
    checkpoint.write(folder, Checkpoint(experience, state, {}), frozen=frozen)


def bytes_of(folder, number):
    return sum(path.stat().st_size for path in (folder / f"{number:04d}").iterdir())


def frozen_files(folder):
    return sorted((folder / FROZEN).glob("*"))


def test_a_tensor_that_does_not_change_is_written_no_more(tmp_path):
    frozen = FrozenTensors(tmp_path)
    sizes = []
    for experience in range(1, 7):
        kept(tmp_path, experience, frozen)
        sizes.append(bytes_of(tmp_path, experience))
        found = checkpoint.latest(tmp_path).state["adapter"]
        for name, expected in tensors(experience).items():
            assert torch.equal(found[name], expected), (experience, name)
    assert sizes[-1] - SMALL < 2000, "the tensor that is learned, and little else"
    assert sizes[0] > 3 * SMALL
    (file,) = frozen_files(tmp_path)
    assert 2 * SMALL < file.stat().st_size < 2 * SMALL + 200


def test_states_of_many_experiences_cost_what_was_learned_last(tmp_path):
    """Each experience leaves a prompt: bytes grow with their number, not with its square."""
    frozen = FrozenTensors(tmp_path)
    prompts = {}
    sizes = []
    for experience in range(1, 13):
        prompts[f"prompt{experience}"] = torch.full((LARGE,), float(experience))
        kept(tmp_path, experience, frozen, dict(prompts))
        sizes.append(bytes_of(tmp_path, experience))
    assert max(sizes) < 4 * SMALL
    found = checkpoint.latest(tmp_path).state["adapter"]
    assert all(torch.equal(found[name], prompt) for name, prompt in prompts.items())


def test_a_single_number_that_moves_is_noticed_wherever_it_is(tmp_path):
    frozen = FrozenTensors(tmp_path)
    weight = torch.zeros(LARGE)
    for experience in range(1, 30):
        weight[(experience * 7919) % LARGE] += 1
        if experience % 5:  # of five states, four are as the one before
            weight = weight.clone()
        kept(tmp_path, experience, frozen, {"weight": weight})
        assert torch.equal(checkpoint.latest(tmp_path).state["adapter"]["weight"], weight)


def test_who_goes_on_writes_no_frozen_tensor_again(tmp_path):
    before = FrozenTensors(tmp_path)
    for experience in range(1, 5):
        kept(tmp_path, experience, before)
    found = checkpoint.latest(tmp_path)
    after = FrozenTensors(tmp_path)
    after.take_up(found.frozen, checkpoint.tensors_of(found.state))
    kept(tmp_path, 5, after)
    assert bytes_of(tmp_path, 5) == bytes_of(tmp_path, 4)
    assert torch.equal(
        checkpoint.latest(tmp_path).state["adapter"]["projection"], tensors(5)["projection"]
    )


def test_a_file_that_no_checkpoint_names_is_removed(tmp_path):
    frozen = FrozenTensors(tmp_path)
    state = {"weight": torch.zeros(LARGE)}
    for experience in range(1, 5):
        kept(tmp_path, experience, frozen, dict(state))
    assert len(frozen_files(tmp_path)) == 1
    state["weight"] = torch.ones(LARGE)
    kept(tmp_path, 5, frozen, dict(state))
    assert len(frozen_files(tmp_path)) == 1, "the checkpoint before still names it"
    kept(tmp_path, 6, frozen, dict(state))
    assert not frozen_files(tmp_path)


@pytest.mark.parametrize("damage", ["flipped", "deleted", "cut"])
def test_a_damaged_file_of_frozen_tensors_is_named_and_ends_who_names_it(tmp_path, damage, caplog):
    frozen = FrozenTensors(tmp_path)
    for experience in range(1, 4):
        kept(tmp_path, experience, frozen)
    (file,) = frozen_files(tmp_path)
    whole = file.read_bytes()
    if damage == "deleted":
        file.unlink()
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        file.write_bytes(flipped if damage == "flipped" else whole[:middle])
    found = checkpoint.latest(tmp_path)
    assert found.done == 2, "the tensor lay in it still"
    assert not (tmp_path / "0003").exists()
    (message,) = caplog.messages
    assert message.startswith(f"clvl-bench: {file}: is ")
    assert message.endswith("the run goes on from the state before it")


def test_a_disk_that_is_full_is_told_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "before_change", lambda path: None)
    folder = tmp_path / "gone"
    with pytest.raises(OSError, match="No such file") as raised:
        write_tensors({"a": torch.ones(3)}, folder / "tensors.safetensors")
    assert raised.value.errno == errno.ENOENT
    with pytest.raises(OSError, match="No such file"):
        PLAIN.write(tmp_path / "x", lambda path: write_tensors({"a": torch.ones(3)}, folder / "x"))
    assert not list(tmp_path.iterdir())
