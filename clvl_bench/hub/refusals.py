"""Refusals: what a hub, or the way to it, can do wrong, and what the user reads and does then.

docs/howto/datasets.md has them as a table.
"""

import re
from typing import Any

BY_CODE = {
    "GatedRepo": (
        "its owners let in whom they choose: ask on its page, then give your token (hf auth login, "
        "or HF_TOKEN)"
    ),
    "RevisionNotFound": "the hub has no such commit any more",
    "EntryNotFound": "the hub has no such file any more",
}
"""By the header in which a hub says what is wrong."""
BY_STATUS = {
    401: "the hub asks who you are: give a token (hf auth login, or HF_TOKEN), or a valid one",
    403: "your token may not read it (403)",
    404: "the hub has no such repository (404)",
}
BROKEN = "the connection broke off; the same command goes on with what is not here yet"
NO_HUB = "what answers is no hub; look at HF_ENDPOINT, a proxy or a login page"
SLOW = (
    "the hub did not answer in time; try again later, or let it take longer "
    "(HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT)"
)
UNREACHABLE = (
    "the hub cannot be reached; where there is no network, unpack what was packed elsewhere: "
    "clvl-bench unpack FILE"
)
_CONNECTION = ("RemoteProtocolError", "ReadError", "WriteError", "CloseError")


def why(error: BaseException) -> str:
    """What happened and what to do, of an error that the hub's client raised."""
    cause = _first_cause(error)
    response = getattr(cause, "response", None)
    if response is not None:
        return _of_answer(response)
    # By name: the client's HTTP library is another one in each of its releases.
    kinds = [kind.__name__ for kind in type(cause).__mro__]
    if "TimeoutException" in kinds:
        return SLOW
    if any(kind in kinds for kind in _CONNECTION):
        return BROKEN
    if "TransportError" in kinds or "OfflineModeIsEnabled" in kinds:
        return UNREACHABLE
    if "FileMetadataError" in kinds or isinstance(cause, ValueError | KeyError | TypeError):
        return NO_HUB
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _first_cause(error: BaseException) -> BaseException:
    """The client wraps what went wrong into an error about its cache."""
    while type(error).__name__ == "LocalEntryNotFoundError" and error.__cause__ is not None:
        error = error.__cause__
    return error


def _of_answer(response: Any) -> str:
    status: int = response.status_code
    code = response.headers.get("X-Error-Code", "")
    if code in BY_CODE:
        return BY_CODE[code]
    if status == 429:
        wait = _seconds_to_wait(response.headers)
        return f"too many requests (429): run the same command again in {wait}"
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= 500:
        return f"the hub has a fault of its own ({status}); run the same command later"
    return f"the hub refused ({status})"


def _seconds_to_wait(headers: Any) -> str:
    after = headers.get("Retry-After", "")
    window = re.search(r"\bt\s*=\s*(\d+)", headers.get("RateLimit", ""))
    if not after.isdigit() and window:
        after = window[1]
    return f"{after} s" if after.isdigit() else "some minutes"
