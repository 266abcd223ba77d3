"""Satellite questions: RSVQA at low and high resolution, RSIVQA's five sets, VRSBench.

RSVQA's counting rule: with `binned` (the published code's rule) numbers of objects at low
resolution fall into 0, 1 to 10, 11 to 100, 101 to 1000 and more, and areas at high resolution
likewise; tables must say which. Its AA is the mean over the four types. RSIVQA names the images of
UC Merced by number, as UCM-captions does, and those of AID as RSICD does.
"""

from pathlib import Path

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import RsivqaSource, RsvqaSource, VrsbenchSource

_LR_TYPES = ("presence", "comp", "count", "rural_urban")
_HR_TYPES = ("presence", "comp", "count", "area")
_CITATION = (
    "Lobry et al. 2020, RSVQA: visual question answering for remote sensing data (IEEE "
    "TGRS 58; arXiv:2003.07333)"
)

RSVQA_LR = VqaDataset(
    name="rsvqa_lr",
    title="RSVQA, low resolution",
    domain="satellite",
    source=RsvqaSource(prefix="LR"),
    partitions={"official": {"test": 10004}},
    values={"type": _LR_TYPES},
    normaliser="exact",
    licence="not stated",
    citation=_CITATION,
    download_mb=150.5,
)
RSVQA_HR = VqaDataset(
    name="rsvqa_hr",
    title="RSVQA, high resolution",
    domain="satellite",
    source=RsvqaSource(prefix="USGS"),
    values={"type": _HR_TYPES},
    normaliser="exact",
    licence="not stated",
    citation=_CITATION,
)


def _rsivqa(name: str, images: str, text: str) -> VqaDataset:
    return VqaDataset(
        name=f"rsivqa_{name}",
        title=f"RSIVQA ({images})",
        domain="satellite",
        source=RsivqaSource(text=Path(text)),
        normaliser="vqa",
        licence="not stated",
        citation="Zheng et al. 2021, Mutual attention inception network for remote sensing visual "
        "question answering (TGRS)",
    )


RSIVQA = (
    _rsivqa("ucm", "UC Merced", "UCM/ucm_vqa.txt"),
    _rsivqa("sydney", "Sydney", "Sydney/sydney_vqa.txt"),
    _rsivqa("aid", "AID", "AID/rsicd_vqa.txt"),
)

# Only its test part says the type of a question, so streams are cut by answers. Published scores
# are a language model's opinion of free text; ours are of equal strings.
VRSBENCH = VqaDataset(
    name="vrsbench",
    title="VRSBench",
    domain="satellite",
    source=VrsbenchSource(),
    partitions={"official": {"test": 37409}},
    normaliser="vqa",
    licence="CC BY 4.0; images of DOTA not for commercial use",
    citation="Li et al. 2024, VRSBench: a versatile vision-language benchmark dataset for remote "
    "sensing image understanding (NeurIPS; arXiv:2406.12384)",
    download_mb=12400,
)

SATELLITE_QUESTIONS = (RSVQA_LR, RSVQA_HR, *RSIVQA, VRSBENCH)
