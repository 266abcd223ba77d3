"""Answerers by name: models that answer questions about images in their own words, pinned; a folder
of them works by its path.

They stand beside a backbone, never in its place: a reference row of tables of answers.
"""

from pathlib import Path

from clvl_bench.backbones.catalog import BackboneDeclaration, found_in

ANSWERERS: tuple[BackboneDeclaration, ...] = (
    BackboneDeclaration(
        name="blip-vqa-base",
        title="BLIP ViT-B/16 for VQA",
        family="BLIP (VQA v2)",
        repository="Salesforce/blip-vqa-base",
        revision="787b3d35d57e49572baabd22884b3d5a05acf072",
        sha256="33786eed34def0c95fa948128cb4386be9b9219aa2c2e25f1c9c744692121bb7",
        parameters_m=361.2,
        download_mb=1540.0,
        licence="BSD-3-Clause",
        image_size=384,
        context_length=512,
    ),
    BackboneDeclaration(
        name="vilt-b32-finetuned-vqa",
        title="ViLT-B/32 for VQA",
        family="ViLT (VQA v2)",
        repository="dandelin/vilt-b32-finetuned-vqa",
        revision="d0a1f6ab88522427a7ae76ceb6e1e1e7b68a1d08",
        weights="pytorch_model.bin",  # no safetensors at that commit
        parameters_m=117.6,
        download_mb=470.0,
        licence="Apache-2.0",
        image_size=384,
        context_length=40,
    ),
    BackboneDeclaration(
        name="smolvlm-256m-instruct",
        title="SmolVLM 256M, instructed",
        family="SmolVLM",
        repository="HuggingFaceTB/SmolVLM-256M-Instruct",
        revision="982ff50128fdd980fce0b7d2d286824f0f6ac266",
        parameters_m=256.5,
        download_mb=519.0,
        licence="Apache-2.0",
        image_size=512,  # of a tile
        context_length=512,
    ),
    BackboneDeclaration(
        name="smolvlm-500m-instruct",
        title="SmolVLM 500M, instructed",
        family="SmolVLM",
        repository="HuggingFaceTB/SmolVLM-500M-Instruct",
        revision="cb498dae8482269f2b1361f26b0f1f866d725eba",
        parameters_m=507.5,
        download_mb=1026.0,
        licence="Apache-2.0",
        image_size=512,
        context_length=512,
    ),
)


def find_answerer(name: str) -> BackboneDeclaration | Path:
    """A declared answerer, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    return found_in(ANSWERERS, name, what="answerer")
