"""What the audits ask of a run that was listened to.

A question is a function of what was heard; it answers with what it found wrong, best nothing.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch import Tensor

from clvl_bench.audits.heard import Heard, Moment, bits
from clvl_bench.audits.listening import evaluate_again
from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.base import TowerBackbone, l2_normalize
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.plan import Plan

Question = Callable[[Heard], list[str]]

LAST_BITS = 1e-4
"""Of a scaled cosine: what another size of a batch may change of it in fp32."""


def plan_of(heard: Heard) -> Plan:
    """The benchmark's experiences, also where a strategy trains on several of them at once."""
    return make_plan(heard.prepared.config.benchmark_config, heard.prepared.parts)[0]


def scored_too_early(heard: Heard) -> list[str]:
    """Classes with a score, or asked for by whoever calls the adapter, that the label space does
    not allow yet.

    The classes of samples are taken from the data, not from the plan. In a stream the learner
    chooses among all candidates, so that who learns from what it chose scores these in training.
    """
    plan, labels = plan_of(heard), heard.prepared.benchmark.label_store._labels
    train = [set(labels[step.ids].tolist()) for step in plan.streams["train"]]
    datasets: dict[str, set[int]] = {}
    for part in heard.prepared.parts:
        datasets.setdefault(part.dataset.name, set()).update(
            labels[part.start : part.start + len(part.data)].tolist()
        )

    online = heard.config.benchmark_config.online is not None
    chooses = online and plan.label_space != "seen"

    def allowed(at: Moment) -> set[int]:
        if at.training and not chooses:  # no class trains before it arrives
            return set().union(
                *train[: at.trained + max(1, at.covers)]
            )  # a step covers none, and is of the next
        if at.stream == "zeroshot" or plan.label_space == "dataset":
            return datasets[plan.streams[at.stream][at.index].dataset.partition("/")[0]]
        return set().union(*(train[: at.trained] if plan.label_space == "seen" else train))

    beside = {place for step in plan.streams.get("reference", ()) for place in step.classes}
    asked = [
        (at, set(candidates) - (beside if at.training else set())) for at, candidates in heard.asked
    ]
    return [
        f"{at}: {sorted(found - allowed(at))}"
        for at, found in (*heard.scored, *asked)
        if found - allowed(at)
    ]


def moved_undeclared(heard: Heard) -> list[str]:
    """Weights that training moved although they are not among the declared, and gradients that
    moved nothing.
    """
    wrong = []
    for at, declared, held in heard.declared:
        moved = set().union(*(names for when, names in heard.moved if when == at))
        wrong += [f"{at}: moved {name}" for name in sorted(moved - declared)]
        if heard.strategy.adapter.learns == "gradient":
            wrong += [] if moved else [f"{at}: moved nothing"]
            wrong += (
                []
                if len(held) == len(declared)
                else [f"{at}: optimised {len(held)}, declared {len(declared)} weights"]
            )
        else:
            wrong += [f"{at}: declared {name}" for name in sorted(declared)]
    return wrong


def read_elsewhere(heard: Heard) -> list[str]:
    """Samples asked for that are neither of the experience in hand (in evaluation, of its stream:
    small experiences are scored together) nor, in training, of the reference set.

    What a memory keeps are copies, so rehearsing reads nothing. Training on `joint` or `cumulative`
    data is declared to read the experiences before as well.
    """
    plan, evaluated = plan_of(heard), heard.prepared.benchmark.view.plan.streams
    train, reference = plan.streams["train"], plan.streams.get("reference", ())
    past = heard.prepared.config.strategy_config.train.data != "experience"
    wrong = []
    for at, ids in heard.read:
        if at is None:
            steps = [*reference]
        elif at.training:
            first = 0 if past else at.index
            steps = [*train[first : at.trained + at.covers], *reference]
        else:
            steps = [*evaluated[at.stream]]
        strange = set(ids.tolist()) - {sample for step in steps for sample in step.ids.tolist()}
        wrong += [f"{at or 'between experiences'}: read {sorted(strange)}"] if strange else []
    return wrong


def kept_uncounted(heard: Heard) -> list[str]:
    """Places with exact copies of samples of an experience before, where more are kept than the
    strategy counts among its samples.

    What was computed from a sample, and is another number, is not found.
    """
    kept = set().union(*heard.copies.values())
    if len(kept) <= heard.kept_samples:
        return []
    places = [f"{len(found)} at {path}" for path, found in sorted(heard.copies.items())]
    return [f"{len(kept)} past samples, {heard.kept_samples} are counted: {', '.join(places)}"]


def swayed_by_neighbours(heard: Heard) -> list[str]:
    """Samples whose scores or prediction change when they are evaluated seven at a time."""
    again = evaluate_again(heard, batch=7)
    last = {key for key in heard.evaluated if key[0].trained == heard.strategy.n_experiences}
    return [
        f"{at}: sample {sample} is evaluated once only" for at, sample in last ^ again.keys()
    ] + [
        f"{at}: sample {sample}"
        for at, sample in sorted(last & again.keys(), key=str)
        if _differ(again[at, sample], heard.evaluated[at, sample])
    ]


def not_marked_as_transductive(heard: Heard) -> list[str]:
    """Whether the record of a method that predicts samples together does not say so."""
    records = () if heard.result is None else heard.result.records
    marked = any(record.metric == "transductive" for record in records)
    return [] if marked else ["the record has no row 'transductive'"]


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether scores of a sample differ by more than the size of a batch explains."""
    return bool(one.argmax() != other.argmax()) or not torch.allclose(one, other, atol=LAST_BITS)


def tested_too_early(heard: Heard) -> list[str]:
    """Rows of experiences that were not to be tested yet, and rows that are missing.

    Where only classes so far are candidates, an experience is tested once it was learned; else
    always. Validation comes once, at the end.
    """
    assert heard.result is not None
    plan = plan_of(heard)
    records = [record for record in heard.result.records if record.metric == "accuracy"]
    stops = {record.trained for record in records}
    experiences = range(len(plan.streams["test"]))
    expected = {
        (stop, index)
        for stop, index in product(stops, experiences)
        if plan.label_space != "seen" or index < stop
    }
    found = {(record.trained, record.experience) for record in records if record.stream == "test"}
    validated = {record.trained for record in records if record.stream == "valid"}
    wrong = [f"after {stop}: row of experience {index}" for stop, index in sorted(found - expected)]
    wrong += [f"after {stop}: no row of {index}" for stop, index in sorted(expected - found)]
    return wrong + [f"after {stop}: validated" for stop in validated - {len(experiences)}]


def moved_the_backbone(heard: Heard) -> list[str]:
    """Weights of the frozen towers that are not as before, or that could be trained; and texts that
    the backbone no longer encodes as it did.
    """
    backbone = heard.prepared.backbone
    if not isinstance(backbone, TowerBackbone):
        return []  # there is none, but what it once said
    after = bits(backbone.towers)
    wrong = [f"moved {name}" for name in heard.towers if after.get(name) != heard.towers[name]]
    wrong += [
        f"trainable {name}"
        for name, weight in backbone.towers.named_parameters()
        if weight.requires_grad or weight.grad is not None
    ]
    some = heard.prepared.benchmark.view.plan.classes[:5]
    prompts = [candidate.prompts[0] for candidate in some]
    kept = backbone.class_features(some, templates=1)
    if not torch.allclose(kept, l2_normalize(backbone.text_features(prompts)), atol=1e-6):
        wrong.append("texts of classes are not what the text tower says")
    return wrong


def read_otherwise(heard: Heard) -> list[str]:
    """Inputs of the first dataset that are not what its pixels, encoded here and now, give."""
    part, prepared = heard.prepared.parts[0], heard.prepared
    if not isinstance(prepared.backbone, TowerBackbone):
        return []  # features that somebody else computed
    backbone, view = prepared.backbone, prepared.benchmark.view.inputs
    ids = torch.arange(part.start, part.start + len(part.data))
    data = part.data
    images = data.images if isinstance(data, QuestionSplit) else data
    rows = data.image_rows if isinstance(data, QuestionSplit) else np.arange(len(data))
    assert images.image is not None
    pictures = [backbone.preprocessing(images.image(row)) for row in range(len(images))]
    pixels = torch.from_numpy(np.stack(pictures))
    features = prepared.features(ids)
    if view.input_kind == "answerer_scores":
        expected = _said(heard, ids)
    elif view.input_kind == "question_patches":
        tokens = backbone.patch_features(pixels)[rows].float().flatten(1)
        expected = torch.cat([tokens, features[:, backbone.width :]], dim=1)
    else:
        expected = pixels if view.input_kind == "pixels" else features
    encoded = backbone.image_features(pixels)[rows]
    images_are = torch.equal(prepared.features.image_features(ids), encoded)
    wrong = [] if images_are else ["image features are not what the image tower says"]
    return wrong if torch.equal(view(ids), expected) else [*wrong, f"{view.input_kind} differ"]


def _said(heard: Heard, ids: Tensor) -> Tensor:
    """What the answerer says of the first dataset's questions, as scores of candidates."""
    part, table = heard.prepared.parts[0], heard.prepared.benchmark.view.plan.classes
    name = heard.config.strategy_config.answerer
    assert name is not None
    answerer = heard.sources.answerer(name, device="cpu")
    data = part.data
    assert isinstance(part.dataset, VqaDataset)
    assert isinstance(data, QuestionSplit)
    assert data.images.image is not None
    if heard.config.strategy_config.answers_by_likelihood:
        return _weighed(heard, answerer)
    normaliser = NORMALISERS[part.dataset.normaliser]
    names = [each.name if each.dataset == part.dataset.name else None for each in table]
    right = []
    for row, asked in zip(data.image_rows, data.questions, strict=True):
        (answer,) = answerer.answers(data.images.image(row), [asked.question])
        right.append([normaliser(answer) == name for name in names])
    return torch.where(torch.tensor(right), 0.0, -torch.inf)


def _weighed(heard: Heard, answerer: Answerer) -> Tensor:
    """How likely the answerer would write each candidate behind the first dataset's questions, one
    question at a time.
    """
    part, table = heard.prepared.parts[0], heard.prepared.benchmark.view.plan.classes
    data = part.data
    assert isinstance(data, QuestionSplit)
    assert data.images.image is not None
    own = [place for place, each in enumerate(table) if each.dataset == part.dataset.name]
    scores = torch.full((len(data), len(table)), -torch.inf)
    words = [table[place].name for place in own]
    for sample, (row, asked) in enumerate(zip(data.image_rows, data.questions, strict=True)):
        image = data.images.image(row)
        scores[sample, own] = answerer.likelihoods(image, [asked.question], words)[0]
    return scores


def read_nothing_to_learn(heard: Heard) -> list[str]:
    """Training that read no sample although the adapter learns, or the other way round."""
    trains = any(at is not None and at.training for at, _ in heard.read)
    learns = heard.strategy.adapter.learns
    wrong = trains != (learns != "nothing")
    return [f"it learns by {learns}, and training read samples: {trains}"] if wrong else []


def scored_no_number(heard: Heard) -> list[str]:
    """Samples with a score that is not a number, or with none where the adapter never abstains."""
    abstains = heard.strategy.adapter.abstains
    return [
        f"{at}: sample {sample}"
        for (at, sample), scores in heard.evaluated.items()
        if torch.isnan(scores).any() or not (abstains or torch.isfinite(scores).any())
    ]
