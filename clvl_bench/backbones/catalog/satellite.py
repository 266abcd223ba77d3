"""Backbones that were trained on, or on from, satellite and aerial scenes."""

from clvl_bench.backbones.catalog.declaration import BackboneDeclaration

SATELLITE: tuple[BackboneDeclaration, ...] = (
    BackboneDeclaration(
        name="remoteclip-vit-base-patch32",
        title="RemoteCLIP ViT-B/32 (satellite)",
        family="RemoteCLIP",
        repository="chendelong/RemoteCLIP",
        weights="RemoteCLIP-ViT-B-32.pt",
        architecture="ViT-B-32",
        parameters_m=151.3,
        download_mb=605.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="remoteclip-vit-large-patch14",
        title="RemoteCLIP ViT-L/14 (satellite)",
        family="RemoteCLIP",
        repository="chendelong/RemoteCLIP",
        weights="RemoteCLIP-ViT-L-14.pt",
        architecture="ViT-L-14",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="georsclip-vit-base-patch32",
        title="GeoRSCLIP ViT-B/32 (satellite)",
        family="GeoRSCLIP (RS5M)",
        repository="Zilun/GeoRSCLIP",
        weights="RS5M_ViT-B-32.pt",
        # Fine-tuned from OpenAI's weights, and loaded so by its authors' own code.
        architecture="ViT-B-32-quickgelu",
        parameters_m=151.3,
        download_mb=605.0,
        licence="CC",
        image_size=224,
    ),
    BackboneDeclaration(
        name="georsclip-vit-huge-patch14",
        title="GeoRSCLIP ViT-H/14 (satellite)",
        family="GeoRSCLIP (RS5M)",
        repository="Zilun/GeoRSCLIP",
        weights="RS5M_ViT-H-14.pt",
        # From LAION-2B's weights, whose activation is the plain one.
        architecture="ViT-H-14",
        parameters_m=986.1,
        download_mb=3944.0,
        licence="CC",
        image_size=224,
    ),
    # An archive for each: its epoch_20.pt is the file. Trained on from LAION-2B's B/32, and from
    # OpenAI's L/14, whose activation the second keeps (the authors' README and notebook).
    BackboneDeclaration(
        name="skyclip-vit-base-patch32",
        title="SkyCLIP-50 ViT-B/32 (satellite)",
        family="SkyCLIP (SkyScript, top 50 %)",
        repository="SkyScript/SkyCLIP_ViT_B32_top50pct",
        weights="epoch_20.pt",
        architecture="ViT-B-32",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT (code)",
        image_size=224,
    ),
    BackboneDeclaration(
        name="skyclip-vit-large-patch14",
        title="SkyCLIP-50 ViT-L/14 (satellite)",
        family="SkyCLIP (SkyScript, top 50 %)",
        repository="SkyScript/SkyCLIP_ViT_L14_top50pct",
        weights="epoch_20.pt",
        architecture="ViT-L-14-quickgelu",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="MIT (code)",
        image_size=224,
    ),
)
