"""vitmap compare IMAGE…: heads side by side, on one scale and in numbers."""

from __future__ import annotations

import argparse
import json
import shlex
import traceback
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.compare.options import parser_of
from vitmap.commands.terminal.arguments import parse
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import patient, recorded
from vitmap.commands.terminal.progress import Progress
from vitmap.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    from vitmap.commands.compare.run import Comparison, Failure
    from vitmap.commands.compare.settings import CompareSettings


def run(arguments: Sequence[str]) -> int:
    """Parse, look, write, print; the exit code is 4 where a model failed, 3 where a picture did."""
    options = parse(parser_of(), arguments)
    _require_pictures_first(options)
    if not options.images:
        raise UsageError(
            "No picture was given: vitmap compare IMAGE IMAGE, or one IMAGE with --models A B "
            "(pictures go before --models; --help says more)."
        )
    from vitmap.commands.compare.names import folder_of
    from vitmap.photo.find import find_pictures
    from vitmap.runs.keeping import keep_result

    settings = _settings(options)
    settings.check()
    paths, missing = find_pictures(options.images)
    settings.check_pictures(len(paths), missing)
    if options.font:
        from vitmap.render.fonts import use_font

        use_font(options.font)
    out = Path(options.out) if options.out else folder_of(paths, settings.models)
    with patient(options), keep_result(out):
        return _work(
            options, settings, paths, missing, out, ["vitmap", "compare", *recorded(arguments)]
        )


def _work(
    options: argparse.Namespace,
    settings: CompareSettings,
    paths: Sequence[Path],
    missing: Mapping[str, InputError],
    out: Path,
    command: Sequence[str],
) -> int:
    from vitmap.commands.compare.report import write_comparison
    from vitmap.commands.compare.run import Failure, compare  # from here on a model is needed

    lost = [Failure(given, error) for given, error in missing.items()]
    rows = len(settings.models) or len(paths)
    with closing(Progress(rows, wanted=not options.quiet, steps=1)) as progress:
        found = compare(settings, paths, lost, progress.step, complain)
    files = write_comparison(out, found, command)
    _tell(options, found, out, files)
    return _exit_code(found.failed, len(found.rows), options)


def _require_pictures_first(options: argparse.Namespace) -> None:
    """A picture after --models was taken for a model, which none can be."""
    from vitmap.photo.read import SUFFIXES

    for name in options.models:
        if Path(name).suffix.lower() in SUFFIXES and Path(name).is_file():
            raise UsageError(
                f"{name} is a picture, but stands among the models: pictures go before --models, "
                f"as in `vitmap compare {shlex.quote(Path(name).name)} --models A B`."
            )


def _each_once(models: Sequence[str]) -> tuple[str, ...]:
    """In the order given; a folder that is named twice, written alike or not, once."""
    once: dict[str, str] = {}
    for name in models:
        once.setdefault(str(Path(name).resolve()) if Path(name).is_dir() else name, name)
    return tuple(once.values())


def _settings(options: argparse.Namespace) -> CompareSettings:
    from vitmap.commands.compare.settings import CompareSettings
    from vitmap.runs.settings import Settings

    given = {f.name: getattr(options, f.name) for f in fields(Settings) if hasattr(options, f.name)}
    return CompareSettings(
        maps=Settings(**given),
        models=_each_once(options.models),
        show=options.show,
        labels=tuple(options.label),
        parts=options.parts,
    )


def _tell(options: argparse.Namespace, found: Comparison, out: Path, files: Sequence[str]) -> None:
    if options.json:
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        print(json.dumps({"folder": str(out), **record}), flush=True)
        return
    if options.quiet:
        return
    from vitmap.commands.compare.told import tell_comparison
    from vitmap.render.fonts import undrawable

    for line in tell_comparison(found):
        say(line)
    say(f"  {len(files)} files in {out}: start with compare.png")
    if signs := undrawable("".join(row.name for row in found.rows)):
        complain(
            f"No installed font can draw {signs}: the figure shows question marks. Install one, or "
            "name one with --font FILE."
        )


def _exit_code(failed: Sequence[Failure], done: int, options: argparse.Namespace) -> int:
    for one in failed:
        if options.debug:
            traceback.print_exception(one.error)
        complain(str(one.error))
    if not failed:
        return 0
    complain(f"{len(failed)} of {len(failed) + done} rows failed.")
    models = any(isinstance(one.error, ModelError) for one in failed)
    return ModelError.exit_code if models else InputError.exit_code
