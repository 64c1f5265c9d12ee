"""Run the cases, one command after the other, and record what comes out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cases import GIVEN, WORK, Case
from hashing import digests_of, make_alike
from starting import Cold, Start, Warm, environment, warm_process
from tiny_model import write_models

PACKAGES = "einops matplotlib numpy openpyxl pillow safetensors scikit-learn torch transformers"


def run_cases(
    cases: Sequence[Case], root: Path, place: Path, *, jobs: int = 1, warm: bool = False
) -> dict[str, object]:
    """Run the cases with the source of `root` on its pictures, in `place`; returns the record.

    Every case leaves `N-stdout.txt` and `N-stderr.txt` of its N-th command beside its `out`.
    """
    variables = environment(root, place)
    prepare(root, place, variables)
    done: dict[str, Future[list[int]]] = {}
    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        cold: Start = Cold(place, variables)
        start = cold
        if warm:
            start = Warm([stack.enter_context(warm_process(place, variables)) for _ in range(jobs)])
        for case in cases:
            # What a case needs stands before it, so that it is never waited for in vain.
            before = [done[name] for name in case.needs]
            way = cold if case.light else start
            done[case.name] = pool.submit(run_case, case, place / WORK, way, before)
        try:
            for future in done.values():
                future.result()
        except BaseException:  # Ctrl-C, too
            pool.shutdown(cancel_futures=True)
            raise
    make_alike(place / WORK, place)
    recorded = {
        case.name: {
            "commands": [" ".join(["vitmap", *argv]) for argv in case.argv()],
            "exits": done[case.name].result(),
            "files": digests_of(place / WORK / case.name),
        }
        for case in cases
    }
    return {"format": 1, "place": str(place), "versions": versions(), "cases": recorded}


def prepare(root: Path, place: Path, variables: dict[str, str]) -> None:
    """Bring what the commands read to the place, and see that they will run the root's source.

    Here matplotlib finds its fonts: what it says the first time would stand in one case alone.
    """
    shutil.copytree(root / "assets", place / "assets")
    (place / "examples").mkdir()
    shutil.copy(root / "examples" / "parts.csv", place / "examples")
    write_models(place / GIVEN)
    code = "import matplotlib.font_manager, vitmap; print(vitmap.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if not Path(said.stdout.strip()).is_relative_to(root / "src"):
        raise SystemExit(f"digest: {said.stdout.strip()} is not of {root}")


def run_case(
    case: Case, work: Path, start: Start, before: Sequence[Future[list[int]]]
) -> list[int]:
    """Run the commands of a case, one after the other; returns their exit codes."""
    for other in before:
        other.result()
    folder = work / case.name
    folder.mkdir()
    began = time.perf_counter()
    exits = [
        start(argv, folder / f"{number}-stdout.txt", folder / f"{number}-stderr.txt")
        for number, argv in enumerate(case.argv(), 1)
    ]
    codes = " ".join(map(str, sorted(set(exits))))
    seconds = time.perf_counter() - began
    print(f"  {case.name:18} {seconds:6.1f} s   exit {codes}", flush=True)
    return exits


def versions() -> dict[str, str]:
    """Of what the outputs depend on besides the source: other ones may explain a difference."""
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES.split():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
