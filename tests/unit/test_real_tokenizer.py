"""CLIP's real vocabulary. The ids were computed apart from any library, by the published rule:
spaces collapsed, lower case, words split by the published pattern, the pair of lowest rank merged
first; bytes, bytes that end a word, merges, start, end.
"""

import pytest

from clvl_bench.backbones.importing import write_tokenizer

IDS = {
    "a photo of a cat.": [49406, 320, 1125, 539, 320, 2368, 269, 49407],
    "a centered satellite photo of annual crop land.": [
        49406,
        320,
        24584,
        10316,
        1125,
        539,
        2906,
        9955,
        973,
        269,
        49407,
    ],
    "An aerial photograph of Highway or Road": [
        49406,
        550,
        12440,
        8853,
        539,
        7620,
        541,
        1759,
        49407,
    ],
    "chest x-ray showing pneumonia in the left lobe": [
        49406,
        10563,
        343,
        268,
        3077,
        3649,
        42906,
        530,
        518,
        1823,
        46325,
        49407,
    ],
    "it's a dog's life, they've said: don't!": [
        49406,
        585,
        568,
        320,
        1929,
        568,
        970,
        267,
        889,
        1200,
        1946,
        281,
        847,
        713,
        256,
        49407,
    ],
    "RESISC45 has 45 classes, 31,500 images": [
        49406,
        2152,
        3219,
        275,
        276,
        791,
        275,
        276,
        6919,
        267,
        274,
        272,
        267,
        276,
        271,
        271,
        4952,
        49407,
    ],
    "  many   spaces\tand\nlines ": [49406, 1346, 9006, 537, 3418, 49407],
    "café, naïve façade and 北京": [
        49406,
        15304,
        267,
        1097,
        35689,
        563,
        778,
        10067,
        1928,
        537,
        161,
        234,
        245,
        21078,
        361,
        49407,
    ],
    "supercalifragilisticexpialidocious": [
        49406,
        1642,
        2857,
        13093,
        2076,
        5868,
        26850,
        835,
        639,
        38466,
        49407,
    ],
    "": [49406, 49407],
}


@pytest.fixture(scope="module")
def folder(real_data, tmp_path_factory):
    vocabulary = real_data / "clip_bpe_and_prompts" / "openai" / "bpe_simple_vocab_16e6.txt.gz"
    if not vocabulary.is_file():
        pytest.skip(f"no real vocabulary at {vocabulary}; set CLVL_TEST_DATA")
    place = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(place, vocabulary)
    return place


@pytest.mark.parametrize("text", list(IDS))
def test_the_ids_are_those_of_the_published_rule(folder, text):
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder)
    assert tokenizer([text])["input_ids"][0] == IDS[text]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, len(tokenizer)) == (49406, 49407, 49408)


@pytest.mark.parametrize("text", list(IDS))
def test_the_ids_are_those_of_open_clips_own_tokenizer(text):
    """A second reading of the rule, with the vocabulary that open_clip carries: no data are
    needed.
    """
    open_clip = pytest.importorskip(
        "open_clip", reason="open_clip_torch is not installed: the extra 'open-clip'"
    )
    ids = IDS[text]
    assert open_clip.SimpleTokenizer()([text])[0, : len(ids)].tolist() == ids


def test_a_long_text_is_cut_to_77_and_still_ends(folder):
    from transformers import CLIPTokenizer

    ids = CLIPTokenizer.from_pretrained(folder)(["cat " * 100], truncation=True, max_length=77)[
        "input_ids"
    ][0]
    assert len(ids) == 77
    assert ids[-1] == 49407
