"""Normalisers: golden strings of both published conventions, and what holds of any string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvl_bench.data.catalog.normalisers import NORMALISERS, med, vqa

GOLDEN_VQA = [
    ("Yes", "yes"),
    ("The left lung.", "left lung"),
    ("two", "2"),
    ("none", "0"),
    ("A  dog,  a cat", "dog cat"),
    ("1,000", "1000"),
    ("2.5cm", "2.5cm"),
    ("dont", "don't"),
    ("it's an MRI!", "it's mri"),
    ("T2-weighted", "t2 weighted"),
    ("in the lung (left)", "in lung left"),
    ("normal", "normal"),
]
"""Worked out by hand from the rules of VQA v2's evaluation code."""
GOLDEN_MED = [
    ("X-Ray", "xray"),
    ("Chest x ray.", "chest xray"),
    ("Air-fluid  level", "air-fluid level"),
    ("left - right", "left-right"),
    ("Patient's\tleft", "patients left"),
    ("(T2) weighted?", "t2 weighted"),
    ("The lung", "the lung"),
    ("two", "two"),
    ("#1: yes; no", "1 yes no"),
]
"""Worked out by hand from MUMC's pre_answer."""


@pytest.mark.parametrize(("written", "read"), GOLDEN_VQA)
def test_vqa_reads_as_the_published_code_does(written, read):
    assert vqa(written) == read


@pytest.mark.parametrize(("written", "read"), GOLDEN_MED)
def test_med_reads_as_the_published_code_does(written, read):
    assert med(written) == read


@pytest.mark.parametrize("name", list(NORMALISERS))
@given(st.text(alphabet=st.sampled_from(list("aA twox-ray.,'!?()#:;/0159\t\n_")), max_size=24))
def test_normalising_twice_is_normalising_once(name, text):
    normalise = NORMALISERS[name]
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("name", list(NORMALISERS))
def test_no_is_not_in_normal(name):
    normalise = NORMALISERS[name]
    assert normalise("no") not in (normalise("normal"), normalise("cannot"), normalise("not seen"))
