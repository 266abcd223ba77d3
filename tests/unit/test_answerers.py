"""BLIP, ViLT and SmolVLM as answerers: what transformers itself says of one image and one question,
whoever is asked beside; what is said goes through the normaliser to a candidate or to none; weights
are on the record, and refused in one line.
"""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from small_answerers import ANSWERS, CHAT, PIECES, WRITERS, write_blip, write_smolvlm, write_vilt

from clvl_bench.audits.kept_sources import KeptSources
from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.answerers.loading import load_answerer
from clvl_bench.backbones.folders import file_hashes
from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.core.files import file_sha256, sha256, to_json
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.listing import find, find_questions
from clvl_bench.data.readers.reading import read_split
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.inputs.answerer_scores import AnswererScores, answers_of
from clvl_bench.methods._base.adapter import NO_CLASS, predict
from clvl_bench.methods.answer_given.config import GivenConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.report.answers import CANDIDATE, NO_CANDIDATE, OVERALL, answered
from clvl_bench.report.runs import of_result
from clvl_bench.report.summary import mixture
from clvl_bench.runs.files import run_config
from clvl_bench.runs.provenance import identity
from clvl_bench.runs.runner import run
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.reading import read_slices
from clvl_bench.streams.vqa.answerer import answerer_scores, likelihood_scores
from clvl_bench.streams.vqa.plan import class_ids_of_answers, number_answers

QUESTIONS = (
    "is there a nodule?",
    "how many are there in the picture of the lung?",
    "which modality is the image?",
    "what is shown?",
    "is there a river in the left image?",
)


@pytest.fixture(scope="module", params=list(WRITERS))
def folder(request, tmp_path_factory):
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    return write_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="module")
def vilt(tmp_path_factory):
    return write_vilt(tmp_path_factory.mktemp("vilt"))


def pictures(count=6):
    """Of several shapes, none of them the models' own; noise and flat grey in turn."""
    noise = np.random.default_rng(0)
    shapes = [(40 + 7 * row, 61 - 5 * row, 3) for row in range(count)]
    return [
        noise.integers(0, 256, shape, dtype=np.uint8)
        if row % 2
        else np.full(shape, 40 * row, dtype=np.uint8)
        for row, shape in enumerate(shapes)
    ]


def asked(folder, image, question, **more):
    """What transformers' own processor makes of one image and one question."""
    from transformers import AutoTokenizer, BlipProcessor, ViltProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
    from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

    is_blip = json.loads((folder / "config.json").read_text())["model_type"] == "blip"
    whole, images = (
        (BlipProcessor, BlipImageProcessorPil)
        if is_blip
        else (ViltProcessor, ViltImageProcessorPil)
    )
    processor = whole(images.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
    return processor, processor(
        images=Image.fromarray(image), text=question, return_tensors="pt", **more
    )


def test_blip_says_what_transformers_generates_of_one_image_and_question(blip):
    from transformers import BlipForQuestionAnswering

    model, ours = BlipForQuestionAnswering.from_pretrained(blip).eval(), load_answerer(str(blip))
    said = set()
    for image in pictures():
        expected = []
        for question in QUESTIONS:
            processor, inputs = asked(blip, image, question)
            written = model.generate(**inputs, max_length=10, do_sample=False, num_beams=1)
            expected.append(
                processor.tokenizer.decode(written[0], skip_special_tokens=True).strip()
            )
        assert ours.answers(image, QUESTIONS) == expected
        said |= set(expected)
    assert len(said) > 3, "the small model says different things"


def test_vilt_says_what_transformers_scores_highest_of_one_image_and_question(vilt):
    from transformers import ViltForQuestionAnswering

    model, ours = ViltForQuestionAnswering.from_pretrained(vilt).eval(), load_answerer(str(vilt))
    said = set()
    for image in pictures():
        expected = []
        for question in QUESTIONS:
            _, inputs = asked(vilt, image, question, truncation=True, max_length=12)
            with torch.no_grad():
                expected.append(ANSWERS[int(model(**inputs).logits.argmax())])
        assert ours.answers(image, QUESTIONS) == expected
        said |= set(expected)
    assert len(said) > 3


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory):
    return write_smolvlm(tmp_path_factory.mktemp("smolvlm"))


def test_smolvlm_says_what_transformers_generates_from_its_own_conversation(smolvlm):
    from transformers import AutoTokenizer, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import (
        Idefics3ImageProcessorPil,
    )

    model = Idefics3ForConditionalGeneration.from_pretrained(smolvlm).eval()
    ours = load_answerer(str(smolvlm))
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil.from_pretrained(smolvlm),
        AutoTokenizer.from_pretrained(smolvlm),
        image_seq_len=4,
        chat_template=CHAT,
    )
    said = set()
    for image in pictures(4):
        expected = []
        for question in QUESTIONS:
            text = f"{question}\nGive a very brief answer."
            content = [{"type": "image"}, {"type": "text", "text": text}]
            prompt = processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True
            )
            inputs = processor(text=prompt, images=[Image.fromarray(image)], return_tensors="pt")
            end = processor.tokenizer.convert_tokens_to_ids("<end_of_utterance>")
            written = model.generate(
                **inputs, max_new_tokens=10, do_sample=False, eos_token_id=end, pad_token_id=end
            )
            new = written[0, inputs["input_ids"].shape[1] :]
            expected.append(processor.tokenizer.decode(new, skip_special_tokens=True).strip())
        assert ours.answers(image, QUESTIONS) == expected
        said |= set(expected)
    assert len(said) > 3, "the small model says different things"


def test_a_question_that_names_an_image_does_not_bring_one(smolvlm):
    ours = load_answerer(str(smolvlm))
    (image,) = pictures(1)
    (said,) = ours.answers(image, ["what does <image> or <end_of_utterance> mean?"])
    assert isinstance(said, str)


def log_probability(next_logits, ids):
    """Of writing these ids one after another, asking for each anew: `next_logits` says what follows
    those before.
    """
    total = 0.0
    for place, one in enumerate(ids):
        total += float(next_logits(ids[:place]).log_softmax(dim=-1)[one])
    return total


CANDIDATES = ("yes", "no", "left lung", "2")


@torch.no_grad()
def test_blip_weighs_a_candidate_by_the_words_that_it_would_write_one_by_one(blip):
    from transformers import BlipForQuestionAnswering

    model, ours = BlipForQuestionAnswering.from_pretrained(blip).eval(), load_answerer(str(blip))
    text = model.config.text_config
    (image,) = pictures(1)
    weighed = ours.likelihoods(image, QUESTIONS[:2], CANDIDATES)
    for row, question in enumerate(QUESTIONS[:2]):
        processor, inputs = asked(blip, image, question)
        seen = model.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
        read = model.text_encoder(input_ids=inputs["input_ids"], encoder_hidden_states=seen)

        def following(before, read=read):
            ids = torch.tensor([[text.bos_token_id, *before]])
            return model.text_decoder(
                input_ids=ids, encoder_hidden_states=read.last_hidden_state
            ).logits[0, -1]

        for column, candidate in enumerate(CANDIDATES):
            ids = processor.tokenizer(candidate, add_special_tokens=False).input_ids
            expected = log_probability(following, [*ids, text.sep_token_id])
            assert float(weighed[row, column]) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def test_smolvlm_weighs_a_candidate_by_the_words_that_it_would_write_one_by_one(smolvlm):
    ours = load_answerer(str(smolvlm))
    model, tokenizer = ours._model, ours._tokenizer
    (image,) = pictures(1)
    (weighed,) = ours.likelihoods(image, QUESTIONS[:1], CANDIDATES)
    pixels = ours.pixels(image)
    words = (
        f"<|im_start|>User:{ours._processor.replace_image_token(pixels, 0)}{QUESTIONS[0]}\n"
        "Give a very brief answer.<end_of_utterance>\nAssistant:"
    )
    prompt = tokenizer(words, add_special_tokens=False).input_ids

    def following(before):
        return model(
            input_ids=torch.tensor([[*prompt, *before]]),
            pixel_values=pixels["pixel_values"],
            pixel_attention_mask=pixels["pixel_attention_mask"],
        ).logits[0, -1]

    end = tokenizer.convert_tokens_to_ids("<end_of_utterance>")
    for column, candidate in enumerate(CANDIDATES):
        ids = [*tokenizer(f" {candidate}", add_special_tokens=False).input_ids, end]
        assert float(weighed[column]) == pytest.approx(log_probability(following, ids), rel=1e-4)


def test_who_chooses_among_answers_of_its_own_weighs_no_others_and_says_so(vilt):
    ours = load_answerer(str(vilt))
    with pytest.raises(Mistake, match="gives no likelihood of others; use one that writes"):
        ours.likelihoods(pictures(1)[0], QUESTIONS[:1], CANDIDATES)


def test_candidates_are_weighed_once_ever_and_only_those_of_the_datasets_own(unencoded_home):
    class Scale(Parrot):
        def likelihoods(self, image, questions, candidates):
            self.asked += len(questions)
            lengths = torch.tensor([-float(len(each)) for each in candidates])
            return lengths.expand(len(questions), -1)

    config = run_config(
        "toy_scans_vqa", "answers_blip_ranked", overrides=["benchmark.zeroshot=[]"]
    ).benchmark_config
    parts, scale = read_slices(config, limit=20), Scale(str)
    scores = likelihood_scores(config, parts, scale)
    asked_once = scale.asked
    again = likelihood_scores(config, parts, scale)
    assert scale.asked == asked_once
    ids = torch.arange(sum(len(part.data) for part in parts))
    assert torch.equal(scores(ids), again(ids))
    candidates, class_ids = number_answers(config, config.questions, parts)
    own = sorted(class_ids[config.datasets[0]].values())
    assert torch.isfinite(scores(ids[:1])[0]).nonzero().flatten().tolist() == own
    shortest = min(own, key=lambda place: len(candidates[place].name))
    assert float(scores(ids[:1])[0, shortest]) == -len(candidates[shortest].name)


def test_an_answer_does_not_depend_on_the_questions_beside_it_nor_on_chance(folder):
    ours = load_answerer(str(folder))
    for seed, image in enumerate(pictures(3)):
        torch.manual_seed(seed)
        together = ours.answers(image, QUESTIONS)
        assert [ours.answers(image, [question])[0] for question in QUESTIONS] == together
        assert ours.answers(image, QUESTIONS[::-1]) == together[::-1]
        assert torch.equal(
            torch.get_rng_state(), torch.Generator().manual_seed(seed).get_state()
        ), "nobody's draws move"


def test_vilt_sees_every_patch_also_where_its_configuration_would_draw_some(vilt, tmp_path):
    few = shutil.copytree(vilt, tmp_path / "few")
    config = json.loads((few / "config.json").read_text())
    (few / "config.json").write_text(json.dumps({**config, "max_image_length": 3}))
    whole, fewer = load_answerer(str(vilt)), load_answerer(str(few))
    assert all(
        fewer.answers(image, QUESTIONS) == whole.answers(image, QUESTIONS) for image in pictures()
    )


def test_the_trap_is_there_transformers_drops_the_mask_of_padded_questions(blip):
    """If this fails, questions of several lengths could go through BLIP together."""
    from transformers import BlipForQuestionAnswering

    model = BlipForQuestionAnswering.from_pretrained(blip).eval()
    question, start = (
        torch.randn(1, 7, 32, generator=torch.Generator().manual_seed(0)),
        torch.tensor([[len(PIECES)]]),
    )
    masked = torch.tensor([[1, 1, 1, 1, 0, 0, 0]])
    with torch.no_grad():
        short = model.text_decoder(input_ids=start, encoder_hidden_states=question[:, :4]).logits
        padded = model.text_decoder(
            input_ids=start, encoder_hidden_states=question, encoder_attention_mask=masked
        ).logits
    assert (short - padded).abs().max() > 0.1


class Parrot:
    """An answerer that says what it was told to, and counts."""

    name, key = "parrot", "parrot"

    def __init__(self, say):
        self.say, self.asked = say, 0

    def answers(self, image, questions):
        self.asked += len(questions)
        return [self.say(question) for question in questions]


def test_every_question_is_asked_once_ever(unencoded_home):
    split = read_questions(find_questions("toy_scans_vqa"), "test").first(60, 0)
    parrot = Parrot(lambda question: f"says: {question} é")
    assert answers_of(split, parrot) == [f"says: {each.question} é" for each in split.questions]
    assert parrot.asked == len(split)
    assert answers_of(split, parrot) == [f"says: {each.question} é" for each in split.questions]
    assert parrot.asked == len(split)
    other = Parrot(lambda question: "")
    other.key = "another"
    assert answers_of(split, other) == [""] * len(split), "nothing is said, and kept"


def test_a_picture_that_comes_without_a_question_is_asked_what_is_shown(unencoded_home):
    split = read_split(find("toy_shapes"), "test").first(10, 5)
    assert answers_of(split, Parrot(str)) == ["what is shown?"] * len(split)


def test_nothing_is_asked_about_a_reference_set(unencoded_home):
    config = run_config("toy_scans_vqa", "answers_blip").benchmark_config
    parts, parrot = read_slices(config, limit=30), Parrot(str)
    answerer_scores(config, parts, parrot)
    (reference,) = (part for part in parts if part.dataset.name == config.reference)
    assert parrot.asked == sum(len(part.data) for part in parts) - len(reference.data)


@pytest.mark.parametrize(
    ("normaliser", "x_ray", "expected"),
    [
        ("vqa", "x ray", [0, 1, 2]),
        ("med", "xray", [OUTSIDE, OUTSIDE, 2]),
        ("exact", "X-ray.", [OUTSIDE, OUTSIDE, 2]),
    ],
)
def test_what_is_said_is_a_candidate_after_the_datasets_normaliser_or_none(
    normaliser, x_ray, expected
):
    dataset = find_questions("toy_scans_vqa").model_copy(update={"normaliser": normaliser})
    places = {"2": 0, x_ray: 1, "no": 2, "left": 3}
    said = ["Two", "the X-ray.", "no", "normal", "leftmost", "", "left lung"]
    assert class_ids_of_answers(dataset, said, places).tolist() == [*expected, *[OUTSIDE] * 4]


def test_what_is_said_of_a_picture_is_a_class_by_its_words():
    places = {"annual_crop_land": 4, "lake or sea": 5}
    said = ["an annual crop land", "Lake or sea.", "lake", "crop"]
    assert class_ids_of_answers(find("toy_shapes"), said, places).tolist() == [
        4,
        5,
        OUTSIDE,
        OUTSIDE,
    ]


def test_what_is_no_candidate_is_no_class_and_not_the_first_or_nearest_one(tiny):
    table = tuple(Candidate(name, "d", ("{question} {}.",)) for name in ("yes", "no", "left"))
    adapter = build_adapter(GivenConfig(), tiny, table, seed=0).eval()
    inputs = AnswererScores(np.array([1, OUTSIDE, 2, 0]), 3)(torch.tensor([0, 1, 2, 3]))
    adapter.scored = (0, 1)
    assert predict(adapter(inputs)).tolist() == [1, NO_CLASS, NO_CLASS, 0], (
        "left is no candidate yet"
    )
    assert predict(torch.tensor([[0.1, -torch.inf], [-torch.inf, -5.0]])).tolist() == [0, 1]


@pytest.fixture
def parrots():
    """A run on toy scans whose answerer says what it is told to."""

    def answering(say, results):
        parrot = Parrot(say)
        parrot.key, parrot.family, parrot.weights_sha256 = str(results), "bird", "0" * 64
        parrot.files_sha256 = "1" * 64
        config = run_config(
            "toy_scans_vqa", "answers_blip", limit=60, overrides=["benchmark.zeroshot=[]"]
        )
        sources = KeptSources(answerers={"blip-vqa-base": parrot})
        return run(config, results=results, progress=False, sources=sources)

    return answering


def test_who_always_says_yes_is_right_where_yes_is_right_and_says_a_candidate(
    parrots, unencoded_home, tmp_path
):
    result = parrots(lambda question: " yes ", tmp_path)
    questions = json.loads((result.folder / "questions.json").read_bytes())["questions"]
    found = {
        (score.trained, score.group): score for score in answered(result).scores if not score.name
    }
    last = max(trained for trained, _ in found)
    assert found[last, OVERALL].right == sum(row["answer"] == "yes" for row in questions) > 0
    assert (last, CANDIDATE) not in found, (
        "all that was said is a candidate: as everywhere, nothing to tell"
    )


def test_who_says_what_is_no_candidate_is_wrong_everywhere_and_the_table_tells(
    parrots, unencoded_home, tmp_path
):
    say = lambda question: "yes it is" if "is there" in question else "no"  # noqa: E731
    result = parrots(say, tmp_path)
    rows = json.loads((result.folder / "questions.json").read_bytes())["questions"]
    found = answered(result)
    last = max(score.trained for score in found.scores)
    scores = {
        score.group: score for score in found.scores if not score.name and score.trained == last
    }
    other = [row for row in rows if "is there" not in row["question"]]
    assert scores[OVERALL].right == sum(row["answer"] == "no" for row in other)
    assert (scores[CANDIDATE].right, scores[CANDIDATE].n) == (len(other), len(rows))
    assert {shown.last for shown in found.gallery} == {NO_CANDIDATE, "no"}


def test_the_record_names_the_weights_and_the_run_does_not_depend_on_their_folder(
    vilt, unencoded_home, tmp_path
):
    moved = shutil.copytree(vilt, tmp_path / "elsewhere" / vilt.name)
    configs = [
        run_config(
            "toy_scans_vqa", "answers_vilt", limit=20, overrides=[f"adapter.answerer={folder}"]
        )
        for folder in (vilt, moved)
    ]
    assert configs[0].id == configs[1].id
    assert configs[0].strategy == f"answers_vilt[adapter.answerer={vilt.name}]"
    result = run(configs[0], results=tmp_path, progress=False)
    expected = {
        "name": vilt.name,
        "family": "local folder",
        "weights_sha256": file_sha256(vilt / "pytorch_model.bin"),
        "files_sha256": sha256(to_json(file_hashes(vilt))),
    }
    assert result.provenance["answerer"] == expected == identity(load_answerer(str(vilt)))
    named = f"{vilt.name} (local folder) {expected['weights_sha256'][:16]}"
    assert of_result(result).origin.answerer == named
    assert f"{named}, as answerer" in mixture([of_result(result)])
    weights = torch.load(moved / "pytorch_model.bin", weights_only=True)
    torch.save(
        {name: tensor + 1e-3 for name, tensor in weights.items()}, moved / "pytorch_model.bin"
    )
    with pytest.raises(Mistake, match="is a finished run with other answerer"):
        run(configs[1], results=tmp_path, progress=False)


@pytest.mark.parametrize("declared", ANSWERERS, ids=lambda each: each.name)
def test_a_declared_one_that_is_not_here_says_in_one_line_how_to_get_it(
    declared, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Missing) as missing:
        load_answerer(declared.name)
    said = str(missing.value)
    assert len(said.splitlines()) == 1
    assert f"clvl-bench fetch {declared.name}" in said
    assert "--set adapter.answerer=./FOLDER" in said


def test_weights_that_are_not_the_declared_ones_are_refused(blip, monkeypatch):
    monkeypatch.setattr("clvl_bench.backbones.answerers.loading.folder_of", lambda declared: blip)
    with pytest.raises(
        Damage, match=r"model\.safetensors: sha256 is [0-9a-f]{8}, recorded 33786eed"
    ):
        load_answerer("blip-vqa-base")


def test_folders_that_hold_no_answerer_are_refused_in_one_line(blip, random_clip, tmp_path):
    broken = shutil.copytree(blip, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 3
    (broken / "config.json").write_text(json.dumps(config))
    empty = tmp_path / "empty"
    empty.mkdir()
    bare = shutil.copytree(
        blip, tmp_path / "bare", ignore=shutil.ignore_patterns("model.safetensors")
    )
    refusals = {
        "./nowhere": (Mistake, "no such folder"),
        "blip": (Mistake, "unknown answerer 'blip'"),
        str(empty): (Damage, "has no config.json"),
        str(random_clip()): (Damage, "model_type 'clip'; read are blip, vilt, idefics3"),
        str(broken): (Damage, "lacks .* weights of a BLIP for questions"),
        str(bare): (Damage, "has none of model.safetensors, pytorch_model.bin"),
    }
    for name, (kind, said) in refusals.items():
        with pytest.raises(kind, match=said) as refused:
            load_answerer(name)
        assert len(str(refused.value).splitlines()) == 1
        assert "answerer" in str(refused.value)


def test_code_in_pickled_weights_is_refused(vilt, tmp_path):
    from unit.test_nothing_is_executed import Evil

    folder = shutil.copytree(vilt, tmp_path / "evil")
    torch.save({"vilt": Evil(tmp_path / "canary")}, folder / "pytorch_model.bin")
    with pytest.raises(
        Damage, match=r"answerer .* hold more than tensors; get them as safetensors"
    ):
        load_answerer(str(folder))
    assert not (tmp_path / "canary").exists()


def test_plugins_beside_it_are_refused():
    with pytest.raises(Mistake, match="beside the adapter 'answer_given', which does not train"):
        run_config(
            "toy_scans_vqa",
            "answers_product_replay",
            overrides=['adapter={ kind = "answer_given" }'],
        )


def test_a_chunk_of_answers_that_was_damaged_is_asked_for_again(unencoded_home, caplog):
    split = read_questions(find_questions("toy_scans_vqa"), "test").first(20, 0)
    parrot = Parrot(lambda question: "yes")
    answers_of(split, parrot)
    (kept,) = (unencoded_home / "given").glob("*/*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    assert answers_of(split, parrot) == ["yes"] * len(split)
    assert parrot.asked == 2 * len(split)
