"""Every export is read back, by the format's own library where there is one, to the same mask."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from masks import AWKWARD, MASKS, drawn, finding_of
from oracles import brush
from vitmap.formats import coco, cvat, label_studio, labelme, regions_csv
from vitmap.formats.raw16 import read_raw16, write_raw16
from vitmap.formats.rle import compressed, counts_of
from vitmap.inspection.finding import Finding, Lost

SHARED_PATH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
LOST = Lost("broken.png", "broken.png: the file is empty (0 bytes).")
HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "=1+1.png",
    "検査 傷.png",
    "a\nb\t\x01.png",
    "b\udcff.png",
]


def lot() -> list[Finding | Lost]:
    made = [finding_of(mask, f"p{n}") for n, mask in enumerate(AWKWARD.values())]
    return [*made[:3], LOST, *made[3:]]


def found_in(findings: Sequence[Finding | Lost]) -> list[Finding]:
    return [found for found in findings if isinstance(found, Finding)]


@pytest.mark.parametrize("polygons", [False, True], ids=["rle", "polygons"])
def test_coco_is_read_by_its_own_library(tmp_path: Path, polygons: bool) -> None:
    findings = lot()
    path = tmp_path / "coco.json"
    assert coco.write_coco(path, findings, "傷", polygons=polygons) == []
    read_coco(path, found_in(findings))
    [category] = json.loads(path.read_text("utf-8"))["categories"]
    assert category["name"] == "傷"


def read_coco(path: Path, findings: Sequence[Finding]) -> None:
    """Masks, boxes and areas as pycocotools has them."""
    library = pytest.importorskip("pycocotools.coco")
    mask_library = pytest.importorskip("pycocotools.mask")
    read = library.COCO()
    read.dataset = json.loads(path.read_text("utf-8"))
    read.createIndex()
    assert [read.imgs[i]["file_name"] for i in read.imgs] == [f.file for f in findings]
    for image, found in zip(read.imgs.values(), findings, strict=True):
        assert (image["height"], image["width"]) == found.size
        annotations = read.loadAnns(read.getAnnIds(image["id"]))
        whole = np.zeros(found.size, dtype=bool)
        for annotation, region in zip(annotations, found.regions, strict=True):
            mask = read.annToMask(annotation).astype(bool)
            encoded = mask_library.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert annotation["area"] == mask.sum() == region.area == mask_library.area(encoded)
            assert annotation["bbox"] == mask_library.toBbox(encoded).tolist()
            whole |= mask
        assert (whole == found.mask).all()


@SHARED_PATH
@given(MASKS)
def test_any_mask_survives_coco_and_its_polygons(tmp_path: Path, mask: np.ndarray) -> None:
    found = finding_of(mask)
    for polygons in (False, True):
        coco.write_coco(tmp_path / "coco.json", [found], "defect", polygons=polygons)
        read_coco(tmp_path / "coco.json", [found])


@given(MASKS)
def test_compressed_counts_are_those_of_the_library(mask: np.ndarray) -> None:
    library = pytest.importorskip("pycocotools.mask")
    expected = library.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert compressed(counts_of(mask.T.ravel())) == expected


def test_long_runs_are_compressed_as_the_library_does_it() -> None:
    library = pytest.importorskip("pycocotools.mask")
    mask = np.zeros((3000, 4000), dtype=np.uint8)
    mask[17:2900, 5:3800:7] = 1
    expected = library.encode(np.asfortranarray(mask))["counts"].decode()
    assert compressed(counts_of(mask.T.ravel().astype(bool))) == expected


def test_a_ring_that_is_none_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = finding_of(drawn("#.#"))
    monkeypatch.setattr(
        type(found.regions[0]),
        "polygons",
        lambda self: (
            [((0, 0), (1, 0), (1, 1), (0, 1)), ((5, 5), (6, 6))]
            if self.box[0] == 0
            else [((0, 0), (1, 1))]
        ),
    )
    said = coco.write_coco(tmp_path / "coco.json", [found], "defect", polygons=True)
    assert said == ["a.png: 1 ring(s) of fewer than three points left out."] * 2
    [only] = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert only["segmentation"] == [[0, 0, 1, 0, 1, 1, 0, 1]]


def test_label_studio_brushes_and_boxes(tmp_path: Path) -> None:
    findings = lot()
    label_studio.write_label_studio(tmp_path / "tasks.json", findings, "傷")
    tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    for task, found in zip(tasks, found_in(findings), strict=True):
        assert task["data"]["image"] == f"/data/local-files/?d={found.file}"
        read_task(task, found, "傷")


def read_task(task: dict, found: Finding, label: str) -> None:
    [prediction] = task["predictions"]
    results = prediction["result"]
    height, width = found.size
    assert len({result["id"] for result in results}) == len(results) == 2 * len(found.regions)
    whole = np.zeros(found.size, dtype=bool)
    for brushed, boxed, region in zip(results[::2], results[1::2], found.regions, strict=True):
        assert brushed["value"]["brushlabels"] == boxed["value"]["rectanglelabels"] == [label]
        rgba = np.array(brush.decode(brushed["value"]["rle"])).reshape(height, width, 4)
        assert set(np.unique(rgba)) <= {0, 255}
        assert (rgba == rgba[:, :, :1]).all()
        whole |= rgba[:, :, 3] > 0
        box = boxed["value"]
        x, y = box["x"] * width / 100, box["y"] * height / 100
        corner = x + box["width"] * width / 100, y + box["height"] * height / 100
        assert (x, y, *corner) == pytest.approx(region.box)
    assert (whole == found.mask).all()


@given(MASKS)
def test_any_mask_survives_label_studio(mask: np.ndarray) -> None:
    found = finding_of(mask)
    [task] = label_studio._tasks([found], "defect", "vitmap", "")
    read_task(task, found, "defect")


def test_long_brush_runs_are_split() -> None:
    mask = np.zeros((300, 400), dtype=bool)
    mask[100:290] = True
    found = finding_of(mask)
    [task] = label_studio._tasks([found], "defect", "vitmap", "")
    read_task(task, found, "defect")


def test_label_studio_own_decoder_reads_the_same() -> None:
    library = pytest.importorskip("label_studio_sdk.converter.brush")
    for mask in AWKWARD.values():
        for region in finding_of(mask).regions:
            rle = label_studio.brush_rle(counts_of(mask.ravel()))
            flat = np.asarray(library.decode_rle(rle))
            assert (flat.reshape(*mask.shape, 4)[:, :, 3] > 0).tolist() == mask.tolist()
            assert region.area


def cvat_mask(element: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    """A <mask> as CVAT reads it: counts inside the box, row by row, outside first."""
    left, top, width, height = (int(element.get(n)) for n in ("left", "top", "width", "height"))
    counts = [int(count) for count in element.get("rle").split(",")]
    flat = np.concatenate([np.full(count, place % 2) for place, count in enumerate(counts)])
    whole = np.zeros(size, dtype=bool)
    whole[top : top + height, left : left + width] = flat.reshape(height, width)
    return whole


def test_cvat_masks(tmp_path: Path) -> None:
    findings = lot()
    cvat.write_cvat(tmp_path / "cvat.xml", findings, '"傷" & <b>')
    root = ElementTree.parse(tmp_path / "cvat.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/labels/label/name") == '"傷" & <b>'
    for image, found in zip(root.findall("image"), found_in(findings), strict=True):
        assert (image.get("name"), image.get("width")) == (found.file, str(found.size[1]))
        masks = [cvat_mask(element, found.size) for element in image.findall("mask")]
        assert {m.get("label") for m in image.findall("mask")} <= {'"傷" & <b>'}
        assert [m.sum() for m in masks] == [region.area for region in found.regions]
        assert (sum(masks, np.zeros(found.size, dtype=int)) == found.mask).all()


@SHARED_PATH
@given(MASKS)
def test_any_mask_survives_cvat(tmp_path: Path, mask: np.ndarray) -> None:
    cvat.write_cvat(tmp_path / "cvat.xml", [finding_of(mask)], "defect")
    elements = ElementTree.parse(tmp_path / "cvat.xml").iter("mask")
    masks = [cvat_mask(element, mask.shape) for element in elements]
    assert (sum(masks, np.zeros(mask.shape, dtype=int)) == mask).all()


def labelme_mask(path: Path) -> np.ndarray:
    """The shapes as LabelMe fills them: the two points are corner pixels, both inside."""
    read = json.loads(path.read_text("utf-8"))
    whole = np.zeros((read["imageHeight"], read["imageWidth"]), dtype=int)
    for shape in read["shapes"]:
        assert shape["shape_type"] == "mask"
        (x0, y0), (x1, y1) = shape["points"]
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            whole[y0 : y1 + 1, x0 : x1 + 1] += np.asarray(image).astype(bool)
    return whole


@SHARED_PATH
@given(MASKS)
def test_any_mask_survives_labelme(tmp_path: Path, mask: np.ndarray) -> None:
    labelme.write_labelme(tmp_path / "a.json", finding_of(mask), "傷", "../a.png")
    assert (labelme_mask(tmp_path / "a.json") == mask).all()
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["imagePath"] == "../a.png"


def test_csv_has_a_line_a_picture_and_a_line_a_region(tmp_path: Path) -> None:
    findings = lot()
    regions_csv.write_tables(tmp_path / "pictures.csv", tmp_path / "regions.csv", findings)
    assert (tmp_path / "pictures.csv").read_bytes()[:3] == b"\xef\xbb\xbf"
    pictures, regions = (read_csv(tmp_path / f"{name}.csv") for name in ("pictures", "regions"))
    assert [line["picture"] for line in pictures] == [found.file for found in findings]
    assert pictures[3]["status"] == "failed"
    assert pictures[3]["notes"] == LOST.error
    for found in found_in(findings):
        own = [line for line in regions if line["picture"] == found.file]
        boxes = [tuple(int(line[k]) for k in ("x0", "y0", "x1", "y1")) for line in own]
        assert boxes == [region.box for region in found.regions]
        assert [float(line["peak"]) for line in own] == pytest.approx(
            [region.peak for region in found.regions], rel=1e-5
        )
        [line] = [line for line in pictures if line["picture"] == found.file]
        assert int(line["area_px"]) == found.mask.sum() == sum(int(o["area_px"]) for o in own)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    findings = [finding_of(AWKWARD["a hook"], f"h{n}", file=name) for n, name in enumerate(HOSTILE)]
    regions_csv.write_tables(tmp_path / "pictures.csv", tmp_path / "regions.csv", findings)
    names = [line["picture"] for line in read_csv(tmp_path / "pictures.csv")]
    assert names == [HOSTILE[0], "'=1+1.png", HOSTILE[2], HOSTILE[3], "b\\udcff.png"]
    coco.write_coco(tmp_path / "coco.json", findings, "defect")
    read_coco(tmp_path / "coco.json", findings)
    cvat.write_cvat(tmp_path / "cvat.xml", findings, "defect")
    images = ElementTree.parse(tmp_path / "cvat.xml").getroot().findall("image")
    assert [image.get("name") for image in images] == [
        *HOSTILE[:3],
        "a\nb\t\\x01.png",
        "b\\xdcff.png",
    ]
    label_studio.write_label_studio(tmp_path / "tasks.json", findings, "defect")
    tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    assert tasks[4]["data"]["image"].endswith("b%FF.png")
    assert "<" not in tasks[0]["data"]["image"]


@SHARED_PATH
@given(st.lists(st.floats(0, 655, width=32), min_size=1, max_size=30))
def test_sixteen_bits_hold_the_map_to_half_a_step(tmp_path: Path, values: list[float]) -> None:
    heat = np.array([values], dtype=np.float32)
    assert write_raw16(tmp_path / "a.png", heat, "x") == 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode.startswith("I;16")
    assert np.abs(read_raw16(tmp_path / "a.png") - heat).max() <= 0.005 + 1e-4


def test_sixteen_bits_below_zero_and_beyond_what_they_hold(tmp_path: Path) -> None:
    heat = np.array([[-3.5, 0, 700, -200]], dtype=np.float32)
    assert write_raw16(tmp_path / "a.png", heat, "z", low=-100) == 2
    read = read_raw16(tmp_path / "a.png").ravel()
    assert read == pytest.approx([-3.5, 0, 555.35, -100], abs=0.01)
