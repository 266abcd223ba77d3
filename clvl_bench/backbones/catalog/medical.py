"""Backbones that were trained on medical images."""

from clvl_bench.backbones.catalog.declaration import BackboneDeclaration

MEDICAL: tuple[BackboneDeclaration, ...] = (
    BackboneDeclaration(
        name="biomedclip",
        title="BiomedCLIP ViT-B/16, PubMedBERT (medical)",
        family="BiomedCLIP (PMC-15M)",
        repository="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        weights="open_clip_pytorch_model.bin",
        extra="open-clip",
        parameters_m=195.9,
        download_mb=784.0,
        licence="MIT",
        image_size=224,
        context_length=256,
    ),
    BackboneDeclaration(
        name="pubmedclip-vit-base-patch32",
        title="PubMedCLIP ViT-B/32 (medical)",
        family="PubMedCLIP (ROCO)",
        repository="flaviagiammarino/pubmed-clip-vit-base-patch32",
        weights="pytorch_model.bin",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="monet-vit-large-patch14",
        title="MONET ViT-L/14 (dermatology)",
        family="MONET",
        repository="suinleelab/monet",
        revision="1d1efd0b8d61bde82cde22d2e93c28d73441f29e",
        parameters_m=427.6,
        download_mb=1714.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="medsiglip-448",
        title="MedSigLIP, 448 pixels (medical)",
        family="MedSigLIP",
        repository="google/medsiglip-448",
        extra="siglip",
        parameters_m=800.0,
        download_mb=3200.0,
        licence="own, gated",
        image_size=448,
        context_length=64,
    ),
)
