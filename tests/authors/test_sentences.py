"""The sentences of learned contexts, beside CLIP's tokenizer on each sentence as a whole."""

from collections.abc import Iterator

import pytest
from authors.released import candidates, cases, read
from hypothesis import given, settings
from hypothesis import strategies as st

from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.prompts import names, read_set
from clvl_bench.methods._base.sentences import name_and_suffix, word_ids

MARKS = "()[].,:;?!'\"/+-&*"
JOINED = {
    "kite (bird of prey)": ").</w>",
    "what is this?": "?.</w>",
    "737-200": ".</w>",
    "forest": ".</w>",
}


def shipped() -> Iterator[Candidate]:
    """Every class of every dataset and prompt set, with every template that goes with it."""
    for dataset in DATASETS:
        for name in dataset.classes or ():
            yield Candidate(name, dataset.name, tuple(dataset.templates))
    for published in names():
        for dataset_name, prompts in read_set(published).items():
            for name in prompts.classes.values():
                yield Candidate(name, dataset_name, prompts.templates)


def sentence(backbone, candidate):
    """Token ids of the first prompt: the words before the name, the name, and what follows it."""
    before = word_ids(backbone, candidate.templates[0].partition("{}")[0])
    name, suffix = name_and_suffix(backbone, candidate)
    return (*before, *name, *suffix)


def test_every_shipped_class_in_every_template_is_the_sentence_tokenized_whole(small_clip):
    first = {(candidate.words, candidate.templates[0]) for candidate in shipped()}
    assert len(first) > 2000
    for name, template in sorted(first):
        candidate = Candidate(name, "d", (template,))
        assert sentence(small_clip, candidate) == word_ids(small_clip, candidate.prompts[0]), (
            candidate.prompts[0]
        )


def test_every_template_in_use_is_the_sentence_tokenized_whole(small_clip):
    templates = {template for candidate in shipped() for template in candidate.templates}
    for template in sorted(templates):
        for name in ("forest", "kite (bird of prey)", "men's", "x-ray?"):
            candidate = Candidate(name, "d", (template,))
            assert sentence(small_clip, candidate) == word_ids(small_clip, candidate.prompts[0]), (
                candidate.prompts[0]
            )


@given(
    st.text(alphabet=f"abcXYZ019 _éß森{MARKS}", min_size=1, max_size=24),
    st.sampled_from([".", "", ", a type of pet.", "?"]),
)
@settings(max_examples=300, deadline=None)
def test_a_name_of_any_letters_and_marks_is_the_sentence_tokenized_whole(small_clip, name, behind):
    candidate = Candidate(name, "d", (f"a photo of a {{}}{behind}",))
    assert sentence(small_clip, candidate) == word_ids(small_clip, candidate.prompts[0])


@pytest.mark.parametrize("name", JOINED)
def test_a_mark_that_ends_a_name_is_one_token_with_the_full_stop_and_a_letter_is_not(
    small_clip, name
):
    """Byte pairs as published: the last token of the sentence, by its text."""
    candidate = Candidate(name, "d", ("a photo of a {}.",))
    words, suffix = name_and_suffix(small_clip, candidate)
    tokens = small_clip._tokenizer.convert_ids_to_tokens([*words, *suffix])
    assert tokens[-1] == JOINED[name]
    assert bool(suffix) == (JOINED[name] == ".</w>")


@pytest.mark.parametrize("method", ["coop", "cocoop", "kgcoop", "maple"])
def test_what_stands_behind_the_learned_words_are_the_released_token_ids(small_clip, method):
    for case in cases(method):
        length = case.get("context_length", 4)
        rows = read(method).below(case["key"]).integers("token_ids")
        for row, candidate in zip(rows.tolist(), candidates(case["names"]), strict=True):
            name, suffix = name_and_suffix(small_clip, candidate)
            if (
                method == "maple"
            ):  # there the words that are not learned stand between the context and the name
                name = (*word_ids(small_clip, "a photo of a")[length:], *name)
            expected = [*name, *suffix, small_clip.end]
            behind = row[len(small_clip.prefix) + length :]
            assert behind == expected + [0] * (len(behind) - len(expected)), candidate.name


def test_a_name_that_ends_in_a_letter_or_a_digit_is_tokenized_as_by_itself(small_clip):
    """So that joining moves no other number; names with a mark at their end are few."""
    joined = 0
    first = {
        (candidate.words, candidate.templates[0].partition("{}")[2]) for candidate in shipped()
    }
    for name, behind in sorted(first):
        apart = (word_ids(small_clip, name), word_ids(small_clip, behind))
        moved = name_and_suffix(small_clip, Candidate(name, "d", (f"{{}}{behind}",))) != apart
        assert not (moved and name[-1].isalnum()), name
        joined += moved
    assert 0 < joined < 20
