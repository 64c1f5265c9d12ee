"""`vitmap explore` without a browser: what fits on a page, how exact it is, and the command."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny
import vitmap as api
from command import Said, command, left_in, record_of
from eager import backbone_of, photo_of
from vitmap.commands.explore.look import stack_of
from vitmap.commands.explore.packed import pack
from vitmap.commands.explore.plan import LIMIT, Stack, estimate, plan, spread
from vitmap.commands.explore.rows import pack_checked
from vitmap.errors import CaptureError
from vitmap.maps.operands import Operands
from vitmap.methods.operands import attend_with_operands
from vitmap.photo.read import read_photo
from vitmap.photo.view import View

VIT_S = Stack(depth=12, heads=6, dim=64, prefix=1, patch=(8, 8))
VIT_B = Stack(depth=12, heads=12, dim=64, prefix=1, patch=(16, 16))
VIT_L = Stack(depth=24, heads=16, dim=64, prefix=5, patch=(14, 14))
VIT_G = Stack(depth=40, heads=24, dim=64, prefix=1, patch=(14, 14))
SOURCES = {"landscape": (683, 1024), "portrait": (1024, 683), "square": (500, 500)}


def view_of(stack: Stack, source: tuple[int, int]) -> Callable[[int | None], View]:
    return lambda size: View.of(source, stack.patch, size or 480)


def patches_of(view: View) -> int:
    return view.grid[0] * view.grid[1]


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
@pytest.mark.parametrize(
    ("stack", "least", "layers"),
    [(VIT_S, 720, 12), (VIT_B, 400, 12), (VIT_L, 256, 14), (VIT_G, 256, 9)],
    ids=["ViT-S", "ViT-B", "ViT-L", "ViT-g"],
)
def test_the_grid_is_the_finest_that_the_page_holds(
    stack: Stack, least: int, layers: int, source: tuple[int, int]
) -> None:
    view = view_of(stack, source)
    found = plan(stack, view, None, None)
    assert least <= patches_of(found.view) <= 784
    assert len(found.layers) >= layers
    assert found.layers[-1] == stack.depth - 1
    assert found.size <= LIMIT
    assert estimate(stack, len(found.layers), patches_of(found.view)) == found.size
    if len(found.layers) == stack.depth:  # one patch more on either side is too much
        finer = view(round(max(found.view.target) + 3 * stack.patch[0]))
        more = patches_of(finer)
        assert more > 784 or estimate(stack, stack.depth, more) > LIMIT


def test_a_size_that_was_asked_for_keeps_fewer_layers() -> None:
    found = plan(VIT_S, view_of(VIT_S, (683, 1024)), 480, None)
    assert found.view == View.of((683, 1024), (8, 8), 480)
    assert (len(found.layers), found.layers[-1]) == (3, 11)
    assert found.size <= LIMIT


def test_layers_that_were_asked_for_all_stay() -> None:
    found = plan(VIT_S, view_of(VIT_S, (683, 1024)), 480, tuple(range(12)))
    assert found.layers == tuple(range(12))
    assert found.size > LIMIT
    few = plan(VIT_G, view_of(VIT_G, (683, 1024)), None, (0, 39))
    assert few.layers == (0, 39)
    assert patches_of(few.view) > 700, "fewer layers leave room for a finer grid"


def test_a_model_of_one_size_has_its_own_grid() -> None:
    fixed = View((683, 1024), (384, 384), (16, 16), "squash")
    found = plan(VIT_L, lambda _: fixed, None, None, any_size=False)
    assert found.view == fixed
    assert len(found.layers) < 24


@pytest.mark.parametrize("count", range(1, 13))
def test_layers_are_evenly_spread_with_the_last(count: int) -> None:
    layers = spread(tuple(range(12)), count)
    assert len(set(layers)) == count
    assert layers[-1] == 11
    steps = np.diff((-1, *layers))
    assert steps.max() - steps.min() <= 1


@pytest.mark.parametrize("family", ["vit", "dinov2_with_registers", "siglip", "beit"])
def test_the_estimate_knows_the_models_own_sizes(family: str) -> None:
    model = backbone_of(tiny.build(family))
    assert stack_of(model.facts) == Stack(3, 3, 8, len(model.facts.prefix), (4, 4))


def operands_of(family: str, factor: float = 6.0) -> Operands:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family), factor))
    photo = photo_of(40, 90)
    _, operands = attend_with_operands(model, photo, model.facts.view(photo.size, 32))
    return operands


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("family", ["vit", "dinov2_with_registers", "siglip", "beit"])
def test_packed_rows_are_the_rows_and_the_stated_difference_is_theirs(family: str) -> None:
    """In float64, from what the page reads: |Δ| against `Operands.row`, over every row."""
    operands = operands_of(family)
    packed = pack_checked(operands)
    worst = 0.0
    for place, layer in enumerate(operands.layers):
        assert packed.layers[place].precision == "float16"
        query, key = (side.astype(np.float64) for side in packed.layers[place].unpacked())
        for head in range(query.shape[0]):
            for token in range(query.shape[1]):
                scores = (key[head] * query[head, token]).sum(axis=-1)
                bias = operands.bias[place]
                scores = scores if bias is None else scores + bias.of_query(token)[head]
                row = operands.row(layer, head, token)
                worst = max(worst, float(np.abs(softmax(scores) - row).max() / row.max()))
    assert 1e-5 < worst < 1e-2
    assert packed.worst == pytest.approx(worst, rel=0.05)
    layers, heads, tokens = operands.query.shape[:3]
    assert packed.rows == layers * heads * tokens


def changed(operands: Operands, **parts: np.ndarray) -> Operands:
    fields = {name: getattr(operands, name) for name in Operands.__dataclass_fields__}
    return Operands(**{**fields, **parts})


def test_the_mean_key_is_taken_off() -> None:
    operands = operands_of("vit")
    far = changed(operands, key=operands.key + np.float32(50))
    assert pack_checked(far).worst < 1e-2, "the softmax does not see what all keys share"
    mean = pack(operands, 0).key.astype(np.float64).mean(axis=1)
    assert np.abs(mean).max() < 1e-3


def test_a_layer_that_float16_cannot_hold_is_float32() -> None:
    operands = operands_of("vit")
    large = operands.key.copy()
    large[1] *= 1e5  # beyond 65504 there is no float16
    small = operands.query.copy()
    small[1] /= 1e5
    packed = pack_checked(changed(operands, key=large, query=small))
    assert [layer.precision for layer in packed.layers] == ["float16", "float32", "float16"]
    assert packed.worst < 1e-2


def test_rows_that_cannot_be_had_exactly_are_refused() -> None:
    operands = operands_of("vit")
    wild = operands.key.copy()
    wild[2, 0, 0, 0] = np.inf
    said = r"Layer 2: rows made .* differ .* by inf of a row's maximum, .* leave the layer out"
    with pytest.raises(CaptureError, match=said):
        pack_checked(changed(operands, key=wild))


def blocks(page: Path) -> dict[str, object]:
    text = page.read_text("utf-8")
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', text)
    return {name: json.loads(content) for name, content in found}


def call(capfd: pytest.CaptureFixture[str], model: Path, out: Path, *arguments: object) -> Said:
    given = ["--model", model, "--out", out, "--size", 32, *arguments]
    return command(capfd)("explore", *given)


def test_the_command_writes_a_page_and_its_record(
    tiny_classifier: Path, draw: Callable[..., Path], out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = draw("car.png", 40, 90)
    code, lines, errors = call(capfd, tiny_classifier, out, path, "--threshold", 0.5)
    assert (code, errors) == (0, [])
    assert left_in(out) == {"explore.html", "run.json"}
    assert lines[0] == "car.png: 90 × 40 px"
    assert lines[1] == "  seen at 48 × 20 px, 12 × 5 patches"
    assert re.fullmatch(
        r"  Rows computed here .* by at most 0\.\d+ % .*: all 549 rows .*", lines[2]
    )
    assert lines[3] == f"  0.1 MB in {out}: open explore.html"

    record, found = record_of(out), blocks(out / "explore.html")
    assert record["files"] == ["explore.html", "run.json"]
    assert record["layers"] == [0, 1, 2]
    assert record["queries"] == ["cls", "mean"]
    assert record["settings"]["threshold"] == 0.5
    assert record["bytes"] == (out / "explore.html").stat().st_size
    assert record["command"][:2] == ["vitmap", "explore"]
    [picture] = record["pictures"]
    assert picture["patch_grid_yx"] == [5, 12]
    assert picture["precision"] == ["float16"] * 3
    assert picture["rows_compared"] == 3 * 3 * 61
    assert 0 < picture["worst_difference"] < 1e-2
    assert picture["sha256"] == found["about"]["photos"][0]["sha256"]
    assert found["about"]["threshold"] == 0.5
    assert set(found) == {"about", "photo-0", "rows-0-cls", "rows-0-mean"} | {
        f"layer-0-{place}" for place in range(3)
    }
    layer = found["layer-0-2"]
    keys = np.frombuffer(base64.b64decode(layer["key"]), dtype="<f2")
    assert keys.size == 3 * 61 * layer["dim"]

    again = call(capfd, tiny_classifier, out, path, "--threshold", 0.5)
    assert again.code == 0
    assert record_of(out) == record, "the same run writes the same record"


def test_stored_rows_are_the_models_own(
    tiny_backbone: Path, draw: Callable[..., Path], out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = draw("portrait.png", 90, 40)
    assert call(capfd, tiny_backbone, out, path, "--layer", "0,2")[0] == 0
    found, model = blocks(out / "explore.html"), api.load(tiny_backbone)
    queries = ["cls", *(f"register:{n}" for n in range(4)), "mean"]
    assert [query["key"] for query in found["about"]["queries"]] == queries
    assert (found["about"]["layers"], found["about"]["depth"]) == ([0, 2], 3)
    for query in queries:
        maps = api.attend(model, read_photo(path), "0,2", query=query, size=32)
        rows = np.frombuffer(base64.b64decode(found[f"rows-0-{query}"]), dtype="<f4")
        rows = rows.reshape(2, 3, -1)
        np.testing.assert_allclose(rows[..., :5], maps.prefix, rtol=1e-6)
        np.testing.assert_allclose(rows[..., 5:].reshape(maps.values.shape), maps.values, 1e-6)


def test_fewer_layers_are_said(
    tiny_classifier: Path,
    draw: Callable[..., Path],
    out: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = estimate(Stack(3, 3, 8, 1, (4, 4)), 2, 70)
    monkeypatch.setattr("vitmap.commands.explore.plan.LIMIT", size)
    code, _, errors = call(capfd, tiny_classifier, out, draw())
    assert code == 0
    assert errors == [
        "vitmap: 2 of 3 layers are on the page, so that it stays within 25 MB a photo: L0, L2. "
        "Name others with --layer."
    ]
    assert record_of(out)["remarks"] == [errors[0].removeprefix("vitmap: ")]
    assert blocks(out / "explore.html")["about"]["remarks"] == ["L0, L2 of L0 to L2"]
    assert call(capfd, tiny_classifier, out, draw(), "--layer", "all").err == []
    assert record_of(out)["layers"] == [0, 1, 2]


def test_a_broken_picture_leaves_a_page_of_the_other(
    tiny_classifier: Path, draw: Callable[..., Path], out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, broken = draw("good.png"), draw("broken.png")
    broken.write_bytes(broken.read_bytes()[:200])
    code, lines, errors = call(capfd, tiny_classifier, out, broken, good)
    assert code == 3
    assert errors[0].startswith(f"vitmap: {broken}: ")
    assert errors[-1] == "vitmap: 1 of 2 inputs failed."
    assert lines[0].startswith("good.png")
    states = [entry["status"] for entry in record_of(out)["pictures"]]
    assert states == ["done", "failed"]
    assert call(capfd, tiny_classifier, out.with_name("none"), broken)[0] == 3
    assert not out.with_name("none").exists()


REFUSED = {
    "three pictures": (3, [], r"3 pictures were given: .* vitmap compare draws more"),
    "none": (0, [], r"No picture was given: vitmap explore IMAGE"),
    "a layer": (1, ["--layer", "7"], r"Layer 7 asked for, but the model has layers 0\.\.2"),
    "a query": (1, ["--query", "pool"], r"Query pool asked for, but .* no attention-pooling head"),
    "a register": (1, ["--query", "register:0"], r"Query register 0 asked for, but the model has"),
    "two points": (1, ["--query", "patch:1,1+2,2"], r"expected patch:X,Y\."),
    "outside": (1, ["--query", "patch:500,1"], r"Point \(500, 1\) lies outside the photo"),
    "a threshold": (1, ["--threshold", "1.5"], r"Threshold 1\.5 asked for"),
    "a colour map": (1, ["--colormap", "virids"], r"did you mean 'viridis'"),
    "a size": (1, ["--size", "2"], r"Size 2 asked for"),
    "a fit": (1, ["--fit", "crop"], r"[Ff]it"),
}


@pytest.mark.parametrize(("count", "options", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_is_refused(
    count: int,
    options: list[str],
    said: str,
    tiny_classifier: Path,
    draw: Callable[..., Path],
    out: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pictures = [draw(f"{n}.png") for n in range(count)]
    code, lines, errors = call(capfd, tiny_classifier, out, *pictures, *options)
    assert (code, lines, len(errors)) == (2, [], 1)
    assert re.search(said, errors[0]), errors
    assert not out.exists()


NAMES = ["</script><script>alert(1)</script>.png", "検査 傷.png", "=HYPERLINK(1).png"]


def test_names_are_inert_and_make_the_default_folder(
    tiny_classifier: Path,
    draw: Callable[..., Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / name.replace("/", "∕") for name in NAMES[:2]]
    for path in paths:
        draw("plain.png").rename(path)
    given = ["--model", tiny_classifier, "--size", 32, *paths]
    assert command(capfd)("explore", *given).code == 0
    [folder] = (tmp_path / "outputs" / "explore").iterdir()
    assert folder.name == "_∕script__script_alert(1)_∕script_-検査 傷"
    text = (folder / "explore.html").read_text("utf-8")
    assert "alert(1)" not in text.replace("\\u003cscript\\u003ealert(1)", "")
    names = [photo["name"] for photo in blocks(folder / "explore.html")["about"]["photos"]]
    assert names == [path.name for path in paths]


def test_json_and_quiet(
    tiny_classifier: Path, draw: Callable[..., Path], out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = draw()
    assert call(capfd, tiny_classifier, out, path, "--quiet") == (0, [], [])
    code, [line], errors = call(capfd, tiny_classifier, out, path, "--json")
    told = json.loads(line)
    assert (code, errors) == (0, [])
    assert told.pop("folder") == str(out)
    record = record_of(out)
    assert len(record.pop("digest")) == 64
    assert told == record
