"""Pools, experts and prompts against forward passes written out by hand on transformers' own
modules, sample by sample.
"""

import math

import pytest
import torch
from small_backbones import write_clip
from torch.nn.functional import cosine_similarity, linear, normalize

from clvl_bench.backbones.loading import load_backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.attriclip.config import AttriClipConfig
from clvl_bench.methods.cocoop.config import CoCoOpConfig
from clvl_bench.methods.coda_prompt.config import CodaPromptConfig
from clvl_bench.methods.dualprompt.config import DualPromptConfig
from clvl_bench.methods.l2p.config import L2PConfig
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.sprompts.config import SPromptsConfig

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",))
    for name in ("forest", "wheat field", "annual crop land")
)
ALL = (0, 1, 2)


class ByHand:
    """A small random CLIP, run layer by layer; nothing of this project but the pixels' mean and
    deviation.
    """

    def __init__(self, folder):
        from transformers import CLIPModel, CLIPTokenizer

        self.backbone, self.tokenizer = (
            load_backbone(str(folder)),
            CLIPTokenizer.from_pretrained(folder),
        )
        self.model = CLIPModel.from_pretrained(folder).eval().requires_grad_(False)
        self.scale = self.model.logit_scale.exp().item()
        generator = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(0, 256, (5, 3, 40, 40), dtype=torch.uint8, generator=generator)
        self.features = torch.cat([self.image(row) for row in range(5)])
        self.unit = normalize(self.features, dim=-1)
        self.texts = torch.stack([self.sentence(each.prompts[0]) for each in TABLE])

    def words(self, text):
        return self.model.text_model.embeddings.token_embedding(
            torch.tensor(self.tokenizer(text)["input_ids"])
        )

    def image(self, row, *, tokens=None, deep=(), prefixes=None, branch=None):
        """[1, width]; `tokens` stand behind the patches, `deep` over them before later layers."""
        tower, pre = self.model.vision_model, self.backbone.preprocessing
        mean, std = (torch.tensor(value).view(3, 1, 1) * 255 for value in (pre.mean, pre.std))
        hidden = tower.embeddings(((self.pixels[row].float() - mean) / std)[None])
        if tokens is not None:
            hidden = torch.cat([hidden, tokens[None]], dim=1)
        hidden = tower.pre_layrnorm(hidden)
        for number, layer in enumerate(tower.encoder.layers):
            if 0 < number <= len(deep):
                hidden = torch.cat(
                    [hidden[:, : -len(deep[number - 1])], deep[number - 1][None]], dim=1
                )
            hidden = self.layer(
                layer, hidden, None, (prefixes or {}).get(number), branch and branch(number)
            )
        return self.model.visual_projection(tower.post_layernorm(hidden[:, 0]))

    def text(self, embeddings, *, deep=(), branch=None):
        """The unit feature [width] of a sentence that ends with its end of text."""
        tower, length = self.model.text_model, len(embeddings)
        hidden = tower.embeddings(inputs_embeds=embeddings[None])
        mask = torch.full((length, length), -torch.inf).triu(1)
        for number, layer in enumerate(tower.encoder.layers):
            if 0 < number <= len(deep):
                new = deep[number - 1]
                hidden = torch.cat([hidden[:, :1], new[None], hidden[:, 1 + len(new) :]], dim=1)
            hidden = self.layer(layer, hidden, mask, None, branch and branch(number))
        return normalize(self.model.text_projection(tower.final_layer_norm(hidden)[0, -1]), dim=-1)

    def sentence(self, text, *, context=None, **more):
        """A text, or learned words behind the start of one."""
        words = self.words(text)
        return self.text(
            words if context is None else torch.cat([words[:1], context, words[1:]]), **more
        )

    def layer(self, layer, hidden, mask, prefix, branch):
        hidden = hidden + self.attend(layer.self_attn, layer.layer_norm1(hidden), mask, prefix)
        beside = 0 if branch is None else branch(hidden)
        return hidden + layer.mlp(layer.layer_norm2(hidden)) + beside

    def attend(self, attention, hidden, mask, prefix):
        keys, values = attention.k_proj(hidden), attention.v_proj(hidden)
        if prefix is not None:
            keys, values = (
                torch.cat([new[None], old], dim=1)
                for new, old in zip(prefix, (keys, values), strict=True)
            )
        query, keys, values = (
            each.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
            for each in (attention.q_proj(hidden), keys, values)
        )
        scores = query @ keys.transpose(-1, -2) / math.sqrt(query.shape[-1])
        shares = (scores if mask is None else scores + mask).softmax(dim=-1)
        return attention.out_proj((shares @ values).transpose(1, 2).flatten(2))

    def logits(self, images, texts=None):
        return (
            self.scale
            * normalize(torch.cat(images), dim=-1)
            @ (self.texts if texts is None else texts).T
        )

    def build(self, config, experiences=1):
        adapter = build_adapter(config, self.backbone, TABLE, seed=3)
        for number in range(experiences):
            adapter.begin((number,))
            if number < experiences - 1:
                adapter.end()
        return adapter


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return ByHand(write_clip(tmp_path_factory.mktemp("clip")))


@torch.no_grad()
def same(found, expected):
    return torch.allclose(found, expected, atol=2e-5)


@torch.no_grad()
def spread(*parameters, by=1.0, seed=0):
    """Away from the start, where much is alike."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.add_(by * torch.randn(parameter.shape, generator=generator))


@torch.no_grad()
def test_l2p(clip):
    l2p = clip.build(
        L2PConfig(depth=2, pool_size=7, selected=3, length=4, key_weight=0.5, init="normal")
    ).eval()
    spread(l2p.keys, l2p.prompts)
    nearest = cosine_similarity(clip.unit[:, None], l2p.keys[None], dim=-1).topk(3)
    images = [
        clip.image(
            row,
            prefixes={
                layer: [
                    torch.cat([l2p.prompts[layer, place][half] for place in places])
                    for half in (slice(2), slice(2, 4))
                ]
                for layer in range(2)
            },
        )
        for row, places in enumerate(nearest.indices)
    ]
    assert same(l2p.logits(clip.pixels, ALL), clip.logits(images))
    assert same(l2p.penalty(clip.pixels), 0.5 * (1 - nearest.values).sum() / 5)


@torch.no_grad()
def test_dualprompt_trains_the_last_expert_and_tests_by_the_nearest_key(clip):
    dual = clip.build(
        DualPromptConfig(
            general_depth=1, expert_depth=1, general_length=2, expert_length=4, key_weight=0.5
        ),
        experiences=3,
    )
    spread(*dual.experts, *dual.keys, dual.general)
    cosines = torch.stack([cosine_similarity(clip.unit, key[None]) for key in dual.keys], dim=1)
    assert len(cosines.argmax(dim=1).unique()) > 1
    for mode, chosen in ((True, torch.full((5,), 2)), (False, cosines.argmax(dim=1))):
        images = [
            clip.image(
                row, prefixes={0: dual.general[0].chunk(2), 1: dual.experts[place][0].chunk(2)}
            )
            for row, place in enumerate(chosen.tolist())
        ]
        assert same(dual.train(mode).logits(clip.pixels, ALL), clip.logits(images))
    assert same(dual.penalty(clip.pixels), 0.5 * (1 - cosines[:, 2]).mean())


@torch.no_grad()
def test_coda_prompt(clip):
    coda = clip.build(
        CodaPromptConfig(components=2, depth=2, length=4, orthogonality=0.3), experiences=2
    ).eval()
    spread(*coda.components, *coda.keys, *coda.attention, by=0.3)
    parts, keys, attention = (
        torch.cat(list(each), dim=1) for each in (coda.components, coda.keys, coda.attention)
    )
    images = []
    for row, query in enumerate(clip.unit):
        prefixes = {}
        for layer in range(2):
            alphas = [
                cosine_similarity(query * a, key, dim=0)
                for a, key in zip(attention[layer], keys[layer], strict=True)
            ]
            prompt = sum(alpha * part for alpha, part in zip(alphas, parts[layer], strict=True))
            prefixes[layer] = prompt.view(4, -1).chunk(2)
        images.append(clip.image(row, prefixes=prefixes))
    assert same(coda.logits(clip.pixels, ALL), clip.logits(images))
    matrices = [rows[layer] for rows in (parts, keys, attention) for layer in range(2)]
    assert same(
        coda.penalty(clip.pixels),
        0.3 * sum((rows @ rows.T - torch.eye(4)).square().mean() for rows in matrices),
    )


@torch.no_grad()
def test_maple(clip):
    maple = clip.build(MapleConfig(context_length=2)).eval()
    spread(maple.context, maple.deep, by=0.5)
    prompts = [maple.context, *maple.deep]
    first, *later = (
        linear(each, net.weight, net.bias)
        for each, net in zip(prompts, maple.couplings, strict=True)
    )
    texts = torch.stack(
        [
            clip.sentence(f"of a {each.name}.", context=maple.context, deep=maple.deep)
            for each in TABLE
        ]
    )
    images = [clip.image(row, tokens=first, deep=later) for row in range(5)]
    assert same(maple.logits(clip.pixels, ALL), clip.logits(images, texts))


@torch.no_grad()
def test_sprompts(clip):
    member = clip.build(SPromptsConfig(image_length=3, context_length=4)).train().current
    bound = 48**-0.5
    assert 0.9 * bound < member.tokens.abs().max() <= bound
    texts = torch.stack([clip.sentence(f"{each.name}.", context=member.context) for each in TABLE])
    images = [clip.image(row, tokens=member.tokens) for row in range(5)]
    assert same(member.logits(clip.pixels, ALL), clip.logits(images, texts))


@torch.no_grad()
def test_cocoop(clip):
    cocoop = clip.build(CoCoOpConfig()).eval()
    spread(*cocoop.shift.parameters(), by=0.3)
    (w, b), (w2, b2) = ((layer.weight, layer.bias) for layer in (cocoop.shift[0], cocoop.shift[2]))
    contexts = [cocoop.context + w2 @ torch.relu(w @ image + b) + b2 for image in clip.unit]
    rows = [
        torch.stack([clip.sentence(f"{each.name}.", context=context) for each in TABLE])
        for context in contexts
    ]
    expected = torch.stack(
        [clip.scale * texts @ image for texts, image in zip(rows, clip.unit, strict=True)]
    )
    assert same(cocoop.logits(clip.features, ALL), expected)


@torch.no_grad()
def test_attriclip(clip):
    attri = clip.build(
        AttriClipConfig(
            bank_size=5, chosen=2, context_length=3, key_weight=0.7, diversity_weight=0.4
        )
    ).eval()
    spread(attri.keys, attri.prompts)
    chosen = (clip.unit @ attri.keys.T).topk(2).indices
    contexts = [torch.cat([attri.prompts[place] for place in places]) for places in chosen]
    rows = [
        torch.stack([clip.sentence(f"{each.name}.", context=context) for each in TABLE])
        for context in contexts
    ]
    expected = torch.stack(
        [clip.scale * texts @ image for texts, image in zip(rows, clip.unit, strict=True)]
    )
    assert same(attri.logits(clip.features, ALL), expected)
    said = torch.stack([clip.sentence(".", context=prompt) for prompt in attri.prompts])
    pairs = [abs(float(said[i] @ said[j])) for i in range(5) for j in range(5) if i != j]
    near = torch.stack(
        [cosine_similarity(attri.keys[chosen[row]], clip.unit[row][None]) for row in range(5)]
    )
    expected = 0.7 * (1 - near.mean()) + 0.4 * sum(pairs) / len(pairs)
    assert same(attri.penalty(clip.features), expected)


@torch.no_grad()
def test_moe_adapters_route_each_sample_by_its_first_token(clip):
    moe = clip.build(
        MoeAdaptersConfig(experts=4, selected=2, bottleneck=3, dropout=0.0, radius=None)
    )
    moe.observe(clip.pixels, torch.zeros(5, dtype=torch.long))
    moe.end()
    moe.eval()
    routers = list(moe.members[0].routers)
    spread(*moe.experts.parameters(), *(router.weight for router in routers))

    def branch(tower):
        def of(number):
            def beside(hidden):
                scores = hidden[0, 0] @ routers[tower].weight[number]
                best = scores.topk(2)
                said = [
                    moe.experts[tower].by_layer[number][place] for place in best.indices.tolist()
                ]
                mixed = [0.1 * each.up(torch.relu(each.down(hidden))) for each in said]
                return sum(
                    share * part
                    for share, part in zip(best.values.softmax(dim=0), mixed, strict=True)
                )

            return beside

        return of

    texts = torch.stack([clip.sentence(each.prompts[0], branch=branch(1)) for each in TABLE])
    assert same(
        moe.logits(clip.pixels, ALL),
        clip.logits([clip.image(row, branch=branch(0)) for row in range(5)], texts),
    )
