"""Files of every kind that is read, broken at random: whatever stands in them, the suite says what
is wrong in a line of its own, soon, and without taking the machine's memory.

A file that is found here has a number, and is made again by it:
`mutated(file, number)` of tests/helpers/mutations.py.
"""

import faulthandler
import json
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from command import clvl_here
from helpers.mutations import mutated
from helpers.subjects import KINDS, SUBJECTS, Subject, numbers_of

from clvl_bench.core.errors import ClvlError

IN_PROCESS = 2000
"""Mutations of each kind that are read by the function that reads it."""
BY_COMMAND = 50
"""Mutations of each kind that are read by the command."""
SAMPLE = 3
"""Mutations of each file in the ordinary tests."""
SECONDS = 10
"""No file takes longer of the processor."""
WAITING = 60
"""Nor does any leave the process waiting for longer."""
BYTES = 2 * 2**30
"""No file takes more memory than that, beside what the process had before."""
SHOWN = 5


class Hang(BaseException):
    """A file took too long. No handler of errors catches it."""


def _hang(number: int, frame: object) -> None:
    raise Hang(f"more than {SECONDS} s")


@contextmanager
def in_time() -> Iterator[None]:
    """Of the processor, so that a busy machine makes no hang. Who waits is found from outside."""
    before = signal.signal(signal.SIGPROF, _hang)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def what_is_wrong(subject: Subject, folder: Path) -> str | None:
    """Reads it; what is not an error of the suite's own is a fault."""
    try:
        subject.read(folder)
    except ClvlError as error:
        line = str(error)
        return f"several lines: {line!r}" if "\n" in line else None
    except BaseException:
        return traceback.format_exc()
    return None


def what_the_command_says(subject: Subject, folder: Path) -> str | None:
    """Reads it by the command, which answers with a code and lines of its own."""
    assert subject.command is not None
    arguments = subject.command(folder)
    try:
        done = clvl_here(*arguments, cwd=folder)
    except BaseException:
        return traceback.format_exc()
    if done.returncode not in (0, 1, 2, 3, 4) or "Traceback" in done.stderr:
        return f"exit code {done.returncode}: {done.stderr}"
    if done.returncode and not done.stderr.startswith("clvl-bench: "):
        return f"exit code {done.returncode} and no line: {done.stderr!r}"
    return None


pytestmark = pytest.mark.filterwarnings("ignore")  # as the command does with those of libraries

Question = Callable[[Subject, Path], str | None]


def break_it(
    subject: Subject,
    folder: Path,
    numbers: Sequence[int],
    ask: Question,
    tell: Callable[[int], None],
) -> dict[int, str]:
    """What was found, by the number of the mutation."""
    folder.mkdir()
    file = subject.write(folder)
    whole = file.read_bytes()
    found = {}
    for number in numbers:
        tell(number)
        file.write_bytes(mutated(whole, number))
        with in_time():
            wrong = ask(subject, folder)
        if wrong is not None:
            found[number] = wrong
    return found


def _silent(number: int) -> None:
    """In the place of who is told of each number."""


@pytest.fixture(autouse=True)
def _home_of_its_own(empty_home: Path) -> None:
    """Scans are kept by path and time."""


SAMPLED = [each for each in SUBJECTS if each.sampled]


@pytest.mark.parametrize("subject", SAMPLED, ids=str)
def test_a_whole_file_is_read(tmp_path, subject):
    """Else its mutations would show nothing. (The long form reads what takes longer.)"""
    subject.write(tmp_path)
    subject.read(tmp_path)


@pytest.mark.parametrize("subject", SAMPLED, ids=str)
def test_a_sample_of_broken_files_is_refused_in_a_line_or_read(tmp_path, subject):
    assert break_it(subject, tmp_path / "x", range(SAMPLE), what_is_wrong, _silent) == {}


FOUND = {
    "TOML: experiment": [202, 211],  # a name too long for a file
    "TOML: benchmark": [1510],  # the same of a path
    "JSON: VQA-RAD": [742],  # no name of an image
    "CSV: hits as they were kept": [723],  # more samples than bits
    "JSON: status": [7, 41],  # nested deeply, infinite
    "JSON: manifest of results": [46],  # half of a pair of surrogates
    "CSV: list of a split": [0, 2],  # no UTF-8
    "CSV: published numbers": [0, 21, 63, 548],  # words, no text, no rows, a number of 400 digits
    "npz: arrays": [367],  # a version of zip that nobody has
    "npz: features": [84, 402, 419],  # encrypted, a name of two lines, another compression
    "npz: features of texts": [6, 62, 318, 373],  # no header, or one that claims 100 GiB
    "image: tif": [144],  # a tag without a value
    "tar: archive": [143],  # a name of two lines
    "JSON: backbone, config.json": [24],  # a number in the place of a whole number
    "JSON: backbone, preprocessor_config.json": [29],  # two colours
}
"""Mutations that made a traceback once, or more than one line."""
ABORTED = {"parquet: table of images": 2351, "parquet: plain table of images": 1239}
"""Mutations that ended the process."""
BY_NAME = {str(each): each for each in SUBJECTS}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_is_refused_in_a_line(tmp_path, name):
    assert break_it(BY_NAME[name], tmp_path / "x", FOUND[name], what_is_wrong, _silent) == {}


@pytest.mark.parametrize("name", ABORTED)
def test_a_file_that_ended_the_process_is_refused_in_a_line(tmp_path, name):
    numbers = [ABORTED[name]]
    assert in_a_process(BY_NAME[name], tmp_path, numbers, what_is_wrong) == {}


# --- the long form, each file in a process of its own, whose memory is bounded ---


@pytest.mark.sweep
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_broken_files_are_refused_in_a_line_or_read(tmp_path, subject):
    numbers = numbers_of(subject, IN_PROCESS)
    assert in_a_process(subject, tmp_path, numbers, what_is_wrong) == {}


@pytest.mark.sweep
@pytest.mark.parametrize("subject", [each for each in SUBJECTS if each.command], ids=str)
def test_broken_files_by_command(tmp_path, subject):
    (tmp_path / "whole").mkdir()
    subject.write(tmp_path / "whole")
    assert what_the_command_says(subject, tmp_path / "whole") is None
    numbers = numbers_of(subject, BY_COMMAND)
    assert in_a_process(subject, tmp_path, numbers, what_the_command_says) == {}


@pytest.mark.sweep
def test_each_kind_has_as_many_mutations_as_it_says():
    for kind in KINDS:
        counts = [len(numbers_of(each, IN_PROCESS)) for each in SUBJECTS if each.kind == kind]
        assert abs(sum(counts) - IN_PROCESS) <= len(counts)


def in_a_process(
    subject: Subject, folder: Path, numbers: Sequence[int], ask: Question
) -> dict[int, str]:
    """What was found by a process that may take so much memory more than this one has."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    arguments = (subject, folder / "broken", numbers, ask, theirs)
    child = context.Process(target=_bounded, args=arguments)
    child.start()
    theirs.close()
    last = -1
    try:
        while ours.poll(WAITING):
            told = json.loads(ours.recv_bytes())
            if isinstance(told, dict):
                print(f"{subject}: {len(numbers)} mutations, {len(told)} faults")
                return dict(list(told.items())[:SHOWN])
            last = told
        return {last: "hangs where no signal is heard"}
    except EOFError:
        child.join()
        return {last: f"its process ended with exit code {child.exitcode}"}
    finally:
        child.kill()
        child.join()


def _bounded(
    subject: Subject, folder: Path, numbers: Sequence[int], ask: Question, connection: Connection
) -> None:
    faulthandler.enable()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def tell(number: int) -> None:
        connection.send_bytes(json.dumps(number).encode())

    found = break_it(subject, folder, numbers, ask, tell)
    connection.send_bytes(json.dumps(found).encode())
    os._exit(0)
