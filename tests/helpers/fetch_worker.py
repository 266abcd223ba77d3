"""`clvl-bench` in one process that keeps its imports: a list of arguments a line on its input, exit
code, last output and waits on its output. The client's waits are counted and not waited for.
"""

import contextlib
import io
import json
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "0"  # read when the client is imported, as the verb `fetch` says
waits: list[float] = []
time.sleep = waits.append  # type: ignore[assignment]

from huggingface_hub import constants  # noqa: E402

from clvl_bench.cli.main import main  # noqa: E402

constants.HF_HUB_ETAG_TIMEOUT = 0.15  # type: ignore[assignment]
constants.HF_HUB_DOWNLOAD_TIMEOUT = 0.15  # type: ignore[assignment]
# What is less than such a block is lost when a connection breaks: 10 MB of the real client.
constants.DOWNLOAD_CHUNK_SIZE = 10_000

for line in sys.stdin:
    waits.clear()
    told = io.StringIO()
    code: object = 0
    sys.argv = ["clvl-bench", *json.loads(line)]
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = repr(error)
    print(json.dumps([code, told.getvalue(), waits]), flush=True)
