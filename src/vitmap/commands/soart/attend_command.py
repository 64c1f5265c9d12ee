"""vitmap soart attend: tables → attention, features, a workbook and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from vitmap.commands.soart.metrics_command import report
from vitmap.commands.soart.options import add_attention, parser_of
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import patient, recorded

_EPILOG = """\
examples:
  vitmap soart attend --learn tables/ --valid tables/ --mode exact
  vitmap soart attend --learn good/ --valid lot/ --qkv Y1,Y2,Y3
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, attend, write, print; returns the exit code."""
    parser = parser_of("attend", "Tables: one attention step.", _EPILOG)
    parser.add_argument(
        "--learn", required=True, metavar="DIR", help="the folder of learn_btY1.csv and the like"
    )
    parser.add_argument(
        "--valid", required=True, metavar="DIR", help="the folder of valid_btY1.csv and the like"
    )
    add_attention(parser)
    options = parser.parse_args(list(arguments))
    from vitmap.commands.soart.attend import read, take_step, write
    from vitmap.runs.keeping import keep_result

    out = Path(options.out or "outputs/attention")
    with patient(options), keep_result(out):
        (learn, said), (valid, also) = (
            read(Path(options.learn), "learn"),
            read(Path(options.valid), "valid"),
        )
        step = take_step(learn, valid, options.mode, options.qkv)
        files = write(out, step, ["vitmap", "soart", "attend", *recorded(arguments)], options.excel)
        for remark in [*said, *also, *step.remarks]:
            complain(remark)
        if options.json:
            told = {"folder": str(out), "files": files, "rows": len(step.valid.rows)}
            print(json.dumps(told), flush=True)
        elif not options.quiet:
            say(
                f"{len(step.valid.rows)} rows measured by {len(step.learn.rows)} members, "
                f"{options.mode} mode, Q, K, V from {options.qkv}"
            )
            for found in step.diagnoses:
                say(f"  {found.sentence()}")
            say(f"  {len(files)} files in {out}: start with attention.png")
        return report(step.failed)
