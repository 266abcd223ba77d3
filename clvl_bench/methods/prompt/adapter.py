"""CoOp: learned context words before the class name, everything else frozen.

Zhou et al. 2022, Learning to prompt for vision-language models (arXiv:2109.01134). One context is
shared by all classes and all experiences, or each class has its own. Differs from the released
code: fp32, text cut behind its last token; the context starts by default as the words before the
name in the first dataset's first template, so that it starts at zero-shot; what stands behind the
name stays each dataset's own. The shipped strategy has neither Dassl's weight decay of 5e-4 nor its
warm-up epoch, cosine by epoch and augmentation; docs/howto/recipes.md has them as settings.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, with_embeddings
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.sentences import Sentences, first_context
from clvl_bench.methods.prompt.config import PromptConfig


class Prompt(Adapter):
    """Context vectors [context, token width], or [classes, context, token width], in the place of
    words.

    A random start is not zero-shot: the published context of noise says nothing yet.

    Raises:
        Mistake: the text tower does not read embeddings, or reads fewer tokens than a sentence has.
    """

    start_templates = 1

    def __init__(
        self, config: PromptConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_embeddings(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self.starts_as_zeroshot = config.context_init == "template"
        start = first_context(config, found, classes)
        shared_or_own = start.expand(len(classes), -1, -1) if config.class_specific else start
        self.context = nn.Parameter(shared_or_own.clone())
        self.sentences = Sentences(found, classes, length=len(start), position=config.position)

    def classifier(self, candidates: ClassIds) -> Tensor:
        context = self.context if self.context.ndim == 2 else self.context[list(candidates)]
        return self.sentences.features(candidates, context)
