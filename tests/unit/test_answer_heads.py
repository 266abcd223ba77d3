"""Heads that answer: limit cases of each, and what a sum of image and question cannot learn and a
product can.
"""

from collections import Counter

import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch, packed, question_rows, unpacked
from clvl_bench.methods.answer_concat.config import ConcatConfig
from clvl_bench.methods.answer_majority.config import MajorityConfig
from clvl_bench.methods.answer_product.config import ProductConfig
from clvl_bench.methods.answer_ranpac.config import AnswerRanPacConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run

NAMES = ("yes", "no", "a nodule", "two")
TABLE = tuple(Candidate(name, "d", ("{question} {}.",)) for name in NAMES)
QUESTIONS = ("is there a nodule?", "is there a cyst?")


def exclusive_or(backbone, count=64):
    """Two kinds of images and two questions: yes exactly where both are of the first kind, or both
    of the second.
    """
    generator = torch.Generator().manual_seed(0)
    kinds, asked = torch.arange(count) % 2, (torch.arange(count) // 2) % 2
    centres = torch.randn(2, backbone.width, generator=generator)
    images = centres[kinds] + 0.1 * torch.randn(count, backbone.width, generator=generator)
    rows = question_rows(backbone, QUESTIONS)[asked]
    inputs = packed(
        QuestionBatch(images, rows[:, : backbone.width], asked.float(), rows[:, backbone.width :])
    )
    return inputs, (kinds != asked).long()


def trained(config, backbone, inputs, targets, steps=150):
    adapter = build_adapter(config, backbone, TABLE, seed=0)
    adapter.begin((0, 1))
    adapter.train()
    adapter.scored = (0, 1)
    optimizer = torch.optim.AdamW(
        [weight for weight in adapter.parameters() if weight.requires_grad], lr=1e-2
    )
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(adapter.logits(inputs, (0, 1)), targets).backward()
        optimizer.step()
    adapter.end()
    return adapter.eval()


@torch.no_grad()
def right(adapter, inputs, targets):
    return float((adapter.logits(inputs, (0, 1)).argmax(dim=1) == targets).float().mean())


def test_a_row_comes_apart_as_it_was_put_together(backbone):
    inputs, _ = exclusive_or(backbone)
    assert torch.equal(packed(unpacked(inputs, backbone.width)), inputs)


def test_a_product_learns_what_a_sum_of_image_and_question_cannot(backbone):
    inputs, targets = exclusive_or(backbone)
    assert (
        right(
            trained(ProductConfig(hidden=32, dropout=0.0), backbone, inputs, targets),
            inputs,
            targets,
        )
        == 1.0
    )
    # The best sum has three of the four kinds of pairs right.
    assert right(trained(ConcatConfig(), backbone, inputs, targets), inputs, targets) <= 0.76


def test_the_product_is_its_formula(backbone):
    inputs, _ = exclusive_or(backbone, count=8)
    head = build_adapter(ProductConfig(hidden=16), backbone, TABLE, seed=0)
    head.begin((0, 1))
    head.eval()
    with torch.no_grad():
        normal = torch.nn.functional.layer_norm(
            inputs[:, : 2 * backbone.width].view(-1, 2, backbone.width), (backbone.width,)
        )
        v, u = head.of_image[1](normal[:, 0]), head.of_question[1](normal[:, 1])
        together = torch.nn.functional.layer_norm(
            torch.cat([v, u, v * u, (v - u).abs()], dim=1), (64,)
        )
        said = head.fused[4](torch.nn.functional.gelu(head.fused[2](together)))
        texts = backbone.class_features([TABLE[0], TABLE[1]])
        expected = 10.0 * torch.nn.functional.cosine_similarity(said[:, None], texts[None], dim=-1)
        assert torch.allclose(head.answer(inputs, (0, 1)), expected, atol=1e-4)


@pytest.mark.parametrize(
    "config", [ProductConfig(sees="question", hidden=32), ConcatConfig(sees="question")]
)
def test_a_blind_head_says_the_same_of_every_image(backbone, config):
    inputs, targets = exclusive_or(backbone)
    adapter = trained(config, backbone, inputs, targets, steps=5)
    other = inputs.clone()
    other[:, : backbone.width] = torch.randn(
        len(inputs), backbone.width, generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        assert torch.equal(adapter.logits(inputs, (0, 1)), adapter.logits(other, (0, 1)))


def test_an_answer_that_never_came_has_a_score_in_the_product_and_none_in_the_sum(backbone):
    inputs, targets = exclusive_or(backbone)
    never = ProductConfig(hidden=32, unseen="never")
    configs = (ProductConfig(hidden=32), ConcatConfig(), never)
    heads = [trained(config, backbone, inputs, targets, steps=2) for config in configs]
    with torch.no_grad():
        product, *others = (head.logits(inputs, (0, 1, 2, 3)) for head in heads)
    assert torch.isfinite(product).all()
    for scores in others:
        assert torch.isneginf(scores[:, 2:]).all()
        assert torch.isfinite(scores[:, :2]).all()


def test_answers_that_never_came_may_be_scored_among_themselves_alone(backbone):
    inputs, targets = exclusive_or(backbone)
    scored, apart, never = (
        trained(
            ProductConfig(hidden=32, dropout=0.0, unseen=unseen), backbone, inputs, targets, steps=2
        )
        for unseen in ("scored", "apart", "never")
    )
    with torch.no_grad():
        assert torch.equal(apart.logits(inputs, (0, 1, 2, 3)), never.logits(inputs, (0, 1, 2, 3)))
        assert torch.equal(apart.logits(inputs, (2, 3)), scored.logits(inputs, (2, 3))), (
            "by the head that learned"
        )
        untouched = never.ranking.scores(never.question_batch(inputs), (2, 3))
        assert torch.equal(never.logits(inputs, (2, 3)), untouched)
        assert not torch.allclose(apart.logits(inputs, (2, 3)), untouched)


@torch.no_grad()
@pytest.mark.parametrize("config", [ProductConfig(hidden=8), ConcatConfig(), MajorityConfig()])
def test_a_learner_answers_itself_from_its_first_batch_on_the_backbone_before(backbone, config):
    """The steps of a stream in one pass are predicted while their experience lasts."""
    inputs, _ = exclusive_or(backbone, count=4)
    adapter = build_adapter(config, backbone, TABLE, seed=0).eval()
    untouched = adapter.ranking.scores(unpacked(inputs, backbone.width), (0, 1))
    adapter.begin((0, 1))
    assert torch.equal(adapter.logits(inputs, (0, 1)), untouched)
    if adapter.learns == "closed_form":
        adapter.observe(inputs, torch.zeros(len(inputs), dtype=torch.long))
    else:
        adapter.scored = (0, 1)
        adapter.train()(inputs)
        adapter.eval()
    own = adapter.answer(inputs, (0, 1))
    assert torch.equal(adapter.logits(inputs, (0, 1)), own)
    assert not torch.equal(own, untouched)


def test_majority_says_the_commonest_answer_of_the_type(backbone):
    inputs, _ = exclusive_or(backbone)
    targets = torch.tensor([(0, 0, 1, 3, 0, 1, 3, 3)[row % 8] for row in range(len(inputs))])
    adapter = build_adapter(MajorityConfig(), backbone, TABLE, seed=0)
    adapter.begin((0, 1, 3))
    for rows in torch.arange(len(inputs)).split(5):
        adapter.observe(inputs[rows], targets[rows])
    adapter.end()
    kinds = unpacked(inputs, backbone.width).type
    with torch.no_grad():
        said = adapter.eval().logits(inputs, (0, 1, 2, 3)).argmax(dim=1)
    for kind in (0, 1):
        commonest = Counter(targets[kinds == kind].tolist()).most_common(1)[0][0]
        assert set(said[kinds == kind].tolist()) == {commonest}


def test_ranpac_is_ridge_regression_on_the_product_whatever_the_order(backbone):
    inputs, targets = exclusive_or(backbone)
    config = AnswerRanPacConfig(random_features=40, ridge=0.1)

    def learned(order):
        adapter = build_adapter(config, backbone, TABLE, seed=0)
        adapter.begin((0, 1))
        for rows in order.split(7):
            adapter.observe(inputs[rows], targets[rows])
        adapter.end()
        return adapter.eval()

    order = torch.arange(len(inputs))
    one, other = learned(order), learned(order.flip(0))
    v, u = (
        l2_normalize(part.double())
        for part in (inputs[:, : backbone.width], inputs[:, backbone.width : 2 * backbone.width])
    )
    h = torch.relu(
        l2_normalize(torch.cat([l2_normalize(v * u), v, u], dim=1)) @ one.projection.double()
    )
    wanted = torch.nn.functional.one_hot(targets, 2).double()
    weights = torch.linalg.solve(h.T @ h + 0.1 * torch.eye(40, dtype=torch.float64), h.T @ wanted)
    with torch.no_grad():
        assert torch.allclose(one.logits(inputs, (0, 1)).double(), h @ weights, atol=1e-5)
        assert torch.allclose(one.logits(inputs, (0, 1)), other.logits(inputs, (0, 1)), atol=1e-5)


def test_a_loss_that_cannot_move_anything_is_refused(tmp_path):
    small = ["train.epochs=1", 'benchmark.zeroshot=["toy_shapes"]']
    held = run_config("toy_scans_vqa", "answers_product_lwf", limit=30, overrides=small)
    assert run(held, results=tmp_path, progress=False).records
    idle = run_config(
        "toy_scans_vqa",
        "answers_product_lwf",
        limit=30,
        overrides=[*small, "plugins.lwf.texts=teacher"],
    )
    with pytest.raises(
        Mistake, match=r'does not learn image features; set plugins.lwf.texts = "student"'
    ):
        run(idle, results=tmp_path, progress=False)
