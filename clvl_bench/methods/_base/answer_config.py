"""What several methods for questions may be told."""

from typing import Literal

Sees = Literal["both", "question"]
Unseen = Literal["scored", "apart", "never"]
_UNSEEN = (
    "answers that never came: scored by their texts, though nothing was learned against them; "
    "scored only where none of the "
    "candidates came, as in a held-out dataset; or never given, held-out datasets being left to "
    "the frozen backbone"
)
