"""The table of all subjects: what is broken, of which kind."""

import json

from helpers import subjects_images as images
from helpers import subjects_results as results
from helpers import subjects_texts as texts
from helpers.subject import Subject

SUBJECTS: tuple[Subject, ...] = (
    texts.of_settings(
        "benchmark", images.BENCHMARK.format(source='{ kind = "folder", path = "pictures" }')
    ),
    texts.of_settings("strategy", texts.STRATEGY),
    texts.of_settings("strategy that extends", texts.CHILD),
    texts.of_settings("experiment", texts.EXPERIMENT),
    images.of_benchmark("JSON", "table of images", images.table("json", json.dumps(images.NAMED))),
    images.of_benchmark(
        "JSON", "lines", images.table("jsonl", "\n".join(map(json.dumps, images.NAMED)))
    ),
    images.of_benchmark("JSON", "list of a split", images.coop_list),
    texts.of_questions(
        "JSON",
        "questions",
        texts.questions("mine", texts.NEW_QUESTIONS, texts.TABLE_OF_QUESTIONS, "q.json"),
    ),
    texts.of_questions(
        "JSON",
        "VQA-RAD",
        texts.questions("vqa_rad", texts.NO_SIZES, '{ path = "." }', "VQA_RAD_Dataset_Public.json"),
    ),
    texts.of_questions(
        "JSON",
        "SLAKE",
        texts.questions(
            "slake", texts.NO_SIZES, '{ path = "." }', "train.json", "test.json", "validate.json"
        ),
    ),
    results.of_run("JSON", "result", results.run_folder("result.json")),
    results.of_run("JSON", "status", results.failed_run),
    results.of_results(
        "JSON", "manifest of results", results.committed("manifest.json"), share=0.3
    ),
    results.of_backbone("JSON", "config.json"),
    results.of_backbone("JSON", "preprocessor_config.json"),
    results.of_backbone("JSON", "tokenizer.json"),
    results.of_backbone("JSON", "tokenizer_config.json"),
    images.of_benchmark("CSV", "table of images", images.table("csv", images.CSV)),
    images.of_benchmark(
        "CSV", "separated by tabs", images.table("tsv", images.CSV.replace(",", "\t"))
    ),
    images.of_benchmark("CSV", "list of a split", images.text_list),
    Subject(
        "CSV", "published numbers", results.published, results.read_published, results.report_beside
    ),
    results.of_results("CSV", "runs as they were kept", results.committed_csv("runs.csv")),
    results.of_results("CSV", "rows as they were kept", results.committed_csv("records.csv")),
    results.of_results("CSV", "answers as they were kept", results.committed_csv("answers.csv")),
    results.of_results("CSV", "hits as they were kept", results.committed_csv("correct.csv")),
    results.of_run("CSV", "rows of a run", results.run_folder("segments/0000.csv"), share=0.3),
    images.of_benchmark("npz", "arrays", images.arrays),
    images.of_benchmark("npz", "compressed arrays", images.compressed_arrays),
    images.of_benchmark("npz", "features", images.features),
    Subject("npz", "features of texts", images.texts, images.read_texts, images.check_data),
    Subject(
        "npz",
        "features of backbones",
        images.backbone_features,
        images.read_backbone_features,
        images.check_whu,
        share=0.3,
        sampled=False,
    ),
    images.of_benchmark("parquet", "table of images", images.parquet),
    images.of_benchmark("parquet", "plain table of images", images.plain_parquet),
    results.of_results(
        "parquet", "records", results.committed("records.parquet"), share=0.2, sampled=False
    ),
    *(images.of_benchmark("image", suffix, images.image(suffix)) for suffix in images.FORMS),
    images.of_benchmark("image", "bands", images.bands),
    Subject(
        "safetensors", "weights", results.weights, results.read_weights, results.import_weights
    ),
    Subject("safetensors", "kept features", results.chunk, results.read_chunk, None),
    results.of_run(
        "safetensors", "predictions", results.run_folder("predictions/0000.safetensors")
    ),
    results.of_backbone("safetensors", "model.safetensors"),
    Subject("tar", "archive", results.archive, results.read_archive, results.unpack),
)
KINDS = tuple(dict.fromkeys(each.kind for each in SUBJECTS))


def numbers_of(subject: Subject, total: int) -> range:
    """The seeds of its mutations, of so many for its kind."""
    shares = [each.share for each in SUBJECTS if each.kind == subject.kind]
    count = max(1, round(total * subject.share / sum(shares)))
    return range(count)
