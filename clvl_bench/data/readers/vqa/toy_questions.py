"""Toy questions: asked about the pictures of a toy world, from the facts that its painter knows."""

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import ToyQuestionsSource
from clvl_bench.data.readers import toy
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.toy.index import WORLDS
from clvl_bench.data.toy.questions import questions


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """All questions about one part of a world. Its facts are rolled anew: painting a picture takes
    well below a millisecond.
    """
    source = dataset.source
    assert isinstance(source, ToyQuestionsSource)
    part = source.parts[split]
    images = toy.read_part(source.world, part)
    found = []
    for index, key in enumerate(images.keys):
        facts = WORLDS[source.world].picture(part.part, index).facts
        modality = {"modality": str(facts["modality"])} if "modality" in facts else {}
        for asked in questions(source.world, part.part, index, facts):
            answer_type = CLOSED if asked.closed else OPEN
            found.append(
                Question(key, asked.question, asked.answer, answer_type, asked.type, **modality)
            )
    return question_split(found, images)
