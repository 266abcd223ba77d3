"""What two runs that should be the same must have in common, byte for byte."""

from pathlib import Path


def result_files(folder: Path) -> dict[str, bytes]:
    """Every result file of a run; of result.json what stands before its last block, `timing`."""
    whole = (folder / "result.json").read_bytes()
    body, timing, _ = whole.partition(b'\n "timing": {')
    assert timing
    files = [*folder.glob("segments/*"), *folder.glob("predictions/*"), *folder.glob("*.json")]
    beside = {"result.json", "status.json"}
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name not in beside
    }
    return {"result.json": body, **found}
