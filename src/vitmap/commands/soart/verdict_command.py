"""vitmap soart verdict: pictures in folders by class → which method earns its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.soart.metrics_command import lines, report, settings_of
from vitmap.commands.soart.options import add_attention, add_pictures, add_settings, parser_of
from vitmap.commands.terminal.console import complain, say, table
from vitmap.commands.terminal.options import patient, recorded

if TYPE_CHECKING:
    from vitmap.commands.soart.verdict import Verdict

_EPILOG = """\
examples:
  vitmap soart verdict --standard ref.png --images parts/
  vitmap soart verdict --standard ref.png --images parts/ --new lot/ --normal good
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, measure, judge, write, print; returns the exit code."""
    parser = parser_of("verdict", "Pictures by class: how well are they told apart?", _EPILOG)
    add_pictures(parser)
    parser.add_argument(
        "--normal", default="good", metavar="CLASS", help="the class without error (default: good)"
    )
    parser.add_argument(
        "--members",
        type=int,
        default=9,
        metavar="N",
        help="so many normal pictures, the first, are the members; not judged (default: 9)",
    )
    parser.add_argument(
        "--new", nargs="+", metavar="PICTURE|DIR", help="pictures of unknown class, to be judged"
    )
    parser.add_argument(
        "--classifiers",
        default="logistic,svm,forest",
        metavar="NAMES",
        help="of scikit-learn, or none (default: logistic,svm,forest)",
    )
    add_settings(parser)
    add_attention(parser)
    options = parser.parse_args(list(arguments))
    names = [name.strip() for name in options.classifiers.split(",")]
    classifiers = [] if names == ["none"] else names
    from vitmap.commands.soart.metrics import measure
    from vitmap.commands.soart.verdict import reach, write
    from vitmap.formats.workbook import require_workbook
    from vitmap.runs.keeping import keep_result
    from vitmap.soart.classifiers import classifier

    for name in classifiers:
        classifier(name)  # what is not installed is said before the work, not after it
    if options.excel:
        require_workbook()
    out = Path(options.out or "outputs/verdict")
    with patient(options), keep_result(out):
        settings = settings_of(options)
        measured = measure(options.standard, options.images, settings)
        failed, new = list(measured.failed), None
        if options.new:
            found = measure(options.standard, options.new, settings)
            failed += found.failed
            new = found.tables
        verdict = reach(
            measured, options.normal, options.members, options.mode, options.qkv, classifiers, new
        )
        measured = replace(measured, failed=failed)
        command = ["vitmap", "soart", "verdict", *recorded(arguments)]
        files = write(out, measured, verdict, command, options.excel)
        for remark in [*measured.remarks, *verdict.step.remarks, *verdict.remarks]:
            complain(remark)
        if options.json:
            best = verdict.best
            told = {"folder": str(out), "files": files, "recommended": best and best.method.name}
            print(json.dumps(told), flush=True)
        elif not options.quiet:
            for line in [*lines(measured), *_told(verdict)]:
                say(line)
            say(f"  {len(files)} files in {out}: start with verdict.csv and attention.png")
        return report([*failed, *verdict.step.failed])


def _told(verdict: Verdict) -> list[str]:
    judged = verdict.judged
    rows = [["method", "normal or not", "all classes", "verdict"]]
    rows += [
        [j.method.name, str(j.found), str(j.kinds) if j.kinds else "-", j.judgement] for j in judged
    ]
    count, members = len(judged[0].told), len(verdict.step.learn.rows)
    found = [
        f"  {count} judged, each by methods that had not seen it; {members} members apart",
        *(f"  {line}" for line in table(rows)),
    ]
    best = verdict.best
    if best is None:
        return [*found, "  no method is better than guessing on these pictures"]
    known = verdict.step.valid.rows[count:]
    for row, told in zip(known, verdict.new, strict=True):
        found.append(f"  {row.image}: {told} (by {best.method.name})")
    return found
