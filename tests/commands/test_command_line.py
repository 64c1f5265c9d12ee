"""What the command line prints, on which console, for whom; and what it does not import."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import vitmap as api
from command import Command, left_in
from vitmap.commands import main
from vitmap.commands.terminal.console import shown, table


def python(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Another Python, with these environment variables beside ours."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


HEAVY = {"PIL", "einops", "jaxtyping", "matplotlib", "numpy", "torch", "transformers"}


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["--version"], 0), ([], 2), (["--colour", "red"], 2)]
)
def test_what_needs_no_model_imports_nothing_heavy(arguments: list[str], code: int) -> None:
    script = (
        "import sys; from vitmap.commands import main\n"
        f"try: code = main({arguments!r})\n"
        "except SystemExit as stop: code = stop.code\n"
        "print('imported:', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
        "sys.exit(code)"
    )
    done = python("-c", script)
    imported = done.stdout.decode().partition("imported:")[2].split()
    assert done.returncode == code
    assert "vitmap" in imported
    assert not HEAVY & set(imported)


def test_version_and_module() -> None:
    assert python("-m", "vitmap", "--version").stdout.decode() == f"vitmap {api.__version__}\n"
    wrong = python("-m", "vitmap")
    assert wrong.returncode == 2
    assert wrong.stderr.decode().startswith("vitmap: No picture was given: vitmap IMAGE, or a ")


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "cp1252", "utf-8"])
def test_help_on_any_console(encoding: str) -> None:
    done = python("-m", "vitmap", "--help", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    text = done.stdout.decode(encoding)
    assert done.returncode == 0
    assert "\\x" not in text
    assert ("PX²" if encoding in ("cp1252", "utf-8") else "PX^2") in re.sub(r"\s+", " ", text)
    for option in ("--layer LAYERS", "--threshold SHARE", "--replay RUN.JSON", "--debug"):
        assert option in text


OPTIONS = """
    --layer --head --reduce --threshold --upsample --colormap --scale --precision --device --out
    --size --fit --at --model --classifier --no-classify --replay --json --quiet --debug --version
"""


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert set(OPTIONS.split()) <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


@pytest.fixture
def two_pictures(tiny_classifier: Path, draw: Callable[..., Path], out: Path) -> list[str]:
    """A command for a good picture and one whose name few consoles can show in full."""
    options = ["--model", tiny_classifier, "--size", 16, "--out", out, "--head", 2]
    return [str(part) for part in [draw("猫é🙂.png"), draw("good.png"), *options]]


def test_a_run_where_all_is_ascii(two_pictures: list[str], out: Path) -> None:
    done = python("-m", "vitmap", *two_pictures, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    text = done.stdout.decode("ascii")
    assert done.returncode == 0
    said = done.stderr.decode("ascii").splitlines()  # of a face that few fonts have, at most
    assert all("no installed font can draw" in line for line in said)
    assert "good.png: 60 x 40 px" in text
    assert "\\u732b\\xe9\\U0001f642.png: 60 x 40 px" in text
    assert left_in(out) == {"猫é🙂", "good", "run.json"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\x1b[31m.png", "a\\x1b[31m.png"),
        ("a\rb\x07.png", "a\\rb\\x07.png"),
        ("gpj.\u202etxt", "gpj.\\u202etxt"),
        ("検査 – 2×.png", "検査 – 2×.png"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_a_name_gives_the_terminal_no_orders(name: str, said: str) -> None:
    assert shown(name, "utf-8") == said


def test_a_run_on_a_japanese_console(
    two_pictures: list[str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp932", write_through=True)
    monkeypatch.setattr(sys, "stdout", console)
    assert main(two_pictures) == 0
    text = console.buffer.getvalue().decode("cp932")
    assert "good.png: 60 × 40 px" in text
    assert "猫\\xe9\\U0001f642.png: 60 × 40 px" in text
    assert left_in(out) == {"猫é🙂", "good", "run.json"}


SPELLED = {
    ("1 × 2 · 3 …", "utf-8"): "1 × 2 · 3 …",
    ("1 × 2 · 3 …", "ascii"): "1 x 2 - 3 ...",
    ("1 × 2 · 3 …", "latin-1"): "1 x 2 - 3 ...",
    ("1 × 2", "latin-1"): "1 × 2",
    ("a – b → c² ≥ d ≤ e’s", None): "a - b -> c^2 >= d <= e's",
    ("猫 × 2", "ascii"): "猫 x 2",
    ("plain", "no such encoding"): "plain",
}


@pytest.mark.parametrize(("text", "encoding"), SPELLED)
def test_signs_are_spelled_out_together(text: str, encoding: str | None) -> None:
    assert shown(text, encoding) == SPELLED[text, encoding]


def test_a_table_is_aligned() -> None:
    rows = [["map", "mass"], ["L0 H10", "5%"], ["L1 H2", "100%"]]
    assert table(rows) == ["map     mass", "L0 H10    5%", "L1 H2   100%"]


def test_the_table_says_what_the_maps_hold(
    draw: Callable[..., Path], tiny_classifier: Path, out: Path, vitmap: Command
) -> None:
    picture = draw("photo.png", 40, 60)
    code, lines, errors = vitmap(picture, "--size", 32, "--threshold", 0.9)
    model = api.load(tiny_classifier)
    maps = api.attend(model, picture, size=32)
    best = api.predict(model, picture).labels

    assert (code, errors) == (0, [])
    seen = "  maps at 40 × 28 px, 10 × 7 patches; query: CLS token"
    assert lines[:2] == [f"{picture}: 60 × 40 px", seen]
    labels = ", ".join(f"{name.partition(',')[0]} {p:.2f}" for name, p in best)
    assert len(best) == 5
    assert lines[2] == f"  label: {labels}"
    assert lines[3] == f"    by {tiny_classifier.name} at 16 × 16 px, a forward of its own"
    header = ["map", "prefix mass", "entropy", "peak", "at x, y", "mask", "alarm"]
    assert re.split(r"\s{2,}", lines[4].strip()) == header
    kinds = set()
    for head, line in enumerate(lines[5:8]):
        cell = maps.at(2, head)
        row, column = cell.peak
        cells = re.split(r"\s{2,}", line.strip())
        assert cells == [
            f"L2 H{head}",
            f"{cell.prefix[0]:.1%}",
            f"{cell.entropy:.2f} bit",
            f"{cell.values.max() * 70:.1f}×",
            f"{int((column + 0.5) * 6)}, {int((row + 0.5) * 40 / 7)}",
            f"{cell.keep_mass(0.9).sum() / 70:.1%}",
            *filter(None, [", ".join(alarm.mark for alarm in cell.alarms)]),
        ]
        kinds |= {alarm.kind for alarm in cell.alarms}
    assert {line.split(":")[0].strip() for line in lines[8:-1]} == kinds
    assert lines[-1:] == [f"  12 files in {out / 'photo'}: start with heads.png"]


SELECTED = {
    "--layer -1": "L2 H0, L2 H1, L2 H2",
    "--layer -3: --head 0": "L0 H0, L1 H0, L2 H0",
    "--layer=-2: --head=-1": "L1 H2, L2 H2",
    "--layer :2 --head -1": "L0 H2, L1 H2",
    "--layer 0,2 --head 1": "L0 H1, L2 H1",
    "--layer -1,0 --head 1": "L2 H1, L0 H1",
    "--layer all --head 0": "L0 H0, L1 H0, L2 H0",
    "--layer 1 --head -2:": "L1 H1, L1 H2",
    "--reduce heads": "L2 mean of H0-H2",
    "--layer all --head 1 --reduce layers": "H1 mean of L0-L2",
    "--layer 0,2 --head 0,1 --reduce mean": "mean of L0, L2 H0, H1",
    "--layer all --head 0,2 --reduce heads": "L0 mean of H0, H2, L1 mean of H0, H2, L2 mean of "
    "H0, H2",
}


@pytest.mark.parametrize("options", SELECTED)
def test_layers_heads_and_means(
    options: str, draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    code, [line], errors = vitmap(draw("photo.png"), "--json", *options.split())
    assert (code, errors) == (0, [])
    labels = [entry["map"] for entry in json.loads(line)["maps"]]
    assert ", ".join(labels) == SELECTED[options]
    assert len(list((out / "photo").glob("*-overlay.png"))) == len(labels)


DONE = {
    "path", "name", "sha256", "status", "notes", "photo_yx", "seen_at_yx", "patch_grid_yx", "query",
    "prediction", "maps", "files", "folder", "model", "classifier", "remarks", "scale",
}  # fmt: skip
FAILED = {"path", "name", "sha256", "status", "error", "folder"}


def test_json_is_a_line_a_picture_failed_ones_too(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    good, text = draw("猫.gif", 30, 50), draw("text.jpg")
    text.write_text("buy milk")
    missing = good.parent / "missing.png"
    code, lines, errors = vitmap(good, text, missing, "--json")
    entries = [json.loads(line) for line in lines]
    assert code == 3
    assert [entry["path"] for entry in entries] == [str(text), str(good), str(missing)]
    by_name = {Path(entry["path"]).name: entry for entry in entries}

    done = by_name["猫.gif"]
    assert done.keys() == DONE
    assert done["status"] == "done"
    assert done["folder"] == str(out / "猫")
    assert (done["photo_yx"], done["seen_at_yx"]) == ([30, 50], [12, 20])
    assert done["prediction"]["labels"][0].keys() == {"label", "probability"}
    assert sorted(path.name for path in (out / "猫").iterdir()) == done["files"]
    for name in ("text.jpg", "missing.png"):
        failed = by_name[name]
        assert failed.keys() == FAILED
        assert (failed["status"], failed["folder"]) == ("failed", None)
        assert f"vitmap: {failed['error']}" in errors
    assert errors[-1] == "vitmap: 2 of 3 inputs failed."


def test_quiet_prints_failures_alone(draw: Callable[..., Path], vitmap: Command) -> None:
    good = draw("good.png")
    missing = good.parent / "missing.png"
    assert vitmap(good, draw("more.png"), "--head", 2, "--quiet", "--json") == (0, [], [])
    said = [f"vitmap: {missing}: no such file.", "vitmap: 1 of 2 inputs failed."]
    assert vitmap(good, missing, "--head", 2, "--quiet") == (3, [], said)


def test_options_may_stand_between_pictures(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    assert vitmap(draw("a.png"), "--head", 2, draw("b.png"), "--quiet") == (0, [], [])
    assert left_in(out) == {"a", "b", "run.json"}


DEBUGGED = {
    "--scale imag": (2, "vitmap.errors.UsageError: Scale 'imag' is not known"),
    "--model ./nowhere": (4, "vitmap.errors.ModelUnavailable: ./nowhere: no such folder."),
    "missing.png": (3, "vitmap.errors.PictureError: missing.png: no such file."),
    "text.jpg": (3, "vitmap.errors.PictureError: text.jpg: not a picture that can be read"),
}


@pytest.mark.parametrize("arguments", DEBUGGED)
def test_debug_shows_the_traceback_and_the_line(
    arguments: str, draw: Callable[..., Path], vitmap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, last = DEBUGGED[arguments]
    monkeypatch.chdir(draw("good.png").parent)
    Path("text.jpg").write_text("buy milk")
    plain = vitmap("good.png", "--head", 2, *arguments.split())
    debugged = vitmap("good.png", "--head", 2, "--debug", *arguments.split())
    assert plain.code == debugged.code == code
    assert not any("Traceback" in line for line in plain.err)
    assert debugged.err[0] == "Traceback (most recent call last):"
    assert any(line.startswith(last) for line in debugged.err)
    assert debugged.err[-len(plain.err) :] == plain.err


def test_a_reader_that_has_seen_enough_is_no_error(
    tiny_classifier: Path,
    draw: Callable[..., Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as `| head -0` does
    with io.TextIOWrapper(os.fdopen(writing, "wb")) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        options = ["--model", str(tiny_classifier), "--out", str(out), "--size", "16", "--json"]
        assert main([str(draw("a.png")), str(draw("b.png")), *options]) == 141
    assert capfd.readouterr().err == ""
    assert left_in(out) <= {"a", "b"}
