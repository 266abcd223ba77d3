"""Metric texts: what each number is, in a sentence for who meets it for the first time."""

from clvl_bench.report.summary import COSTS

COST_METRICS: dict[str, str] = {**COSTS, "kept_bytes": "Kept"}

UNITS: dict[str, str] = {
    "train_seconds": "seconds",
    "trained_parameters": "count",
    "kept_bytes": "bytes",
    "memory_samples": "count",
    "peak_memory_mib": "MiB",
    "labels_used": "count",
    "labels_late": "count",
    "labels_never": "count",
    "labels_lost": "count",
}
"""Of the metrics that are no percentages."""

EXPLAINED: dict[str, str] = {
    "last": "Accuracy at the end of the stream, averaged over all experiences.",
    "average": "ZSCL's Avg: accuracy on all experiences, learned or not, averaged over the stream.",
    "transfer": "ZSCL's Transfer: accuracy on experiences before they are learned.",
    "incremental": "Accuracy on what was learned so far, averaged over the stream.",
    "anytime": "The same with every experience counted alike, however many samples it has (AAA).",
    "forgetting": "How far accuracy fell from its best since an experience was learned. Below "
    "zero: later experiences helped.",
    "bwt": "Change of an experience's accuracy from just after it was learned to the end.",
    "fwt": "Accuracy just before an experience is learned, minus that of the untouched backbone.",
    "stream_degradation": "Zero-shot accuracy lost on experiences that are still to come.",
    "heldout": "Accuracy at the end on datasets that are never trained on.",
    "heldout_degradation": "Zero-shot accuracy lost on datasets that are never trained on.",
    "zeroshot": "Accuracy of the untouched backbone.",
    "balanced_accuracy": "Mean sensitivity of the classes at the end: every class counts alike, "
    "however many samples it has.",
    "macro_f1": "Mean over classes of the harmonic mean of precision and sensitivity, at the end.",
    "macro_specificity": "Mean over classes of the share of other samples that were not called so.",
    "auc": "How often a sample of the second class is held for it more than one of the first, over "
    "all test samples at the end; a tie counts half.",
    "ece": "Gap between confidence and accuracy at the end, in 15 bins of equal width.",
    "last_balanced_accuracy": "Recorded: mean sensitivity of the classes of each experience at the "
    "end, averaged over experiences.",
    "last_macro_f1": "Recorded: mean F1 of the classes at the end, averaged over experiences.",
    "last_ece": "Recorded: the calibration error at the end, averaged over experiences.",
    "last_auc": "Recorded: the area under the ROC curve of the second of two classes at the end, "
    "averaged over experiences.",
    "last_sensitivity": "Recorded: share of the second class's samples that were recognised at the "
    "end, averaged over experiences.",
    "last_specificity": "Recorded: share of the first class's samples that were not taken for the "
    "second at the end, averaged over experiences.",
    "last_f1": "Recorded: F1 of the second class at the end, averaged over experiences.",
    "prequential": "Share of the stream's samples that were right before they were learned from.",
    "near_future": "The same for samples some steps later.",
    "reward": "Share of choices that were rewarded.",
    "blind_last": "What the label that arrived last would have had right.",
    "blind_majority": "What the most frequent label so far would have had right.",
    "pseudo_precision": "Share of the kept pseudo-labels that are right.",
    "pseudo_coverage": "Share of the unlabelled samples that got a pseudo-label.",
    "labels_used": "Labels that were learned from.",
    "labels_late": "Labels that were due behind the end of the stream.",
    "labels_never": "Labels that never arrive.",
    "labels_lost": "Labels whose sample was let go before they came.",
    "train_seconds": "Wall-clock seconds of training.",
    "trained_parameters": "Parameters that the optimiser moves.",
    "kept_bytes": "Every byte that outlives an experience; the public backbone is not counted.",
    "memory_samples": "Samples of the past that are kept, in whatever form.",
    "peak_memory_mib": "Largest resident memory of the process.",
}
