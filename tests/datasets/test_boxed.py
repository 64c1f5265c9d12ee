"""Files of boxes, polygons and run lengths: whose they are, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as oracle

from labelled import SIZE, coco, picture, tree
from oracles.coco import decoded
from vitmap.datasets import Box, Runs, Sample, read_boxed, truth_mask
from vitmap.errors import InputError
from vitmap.photo.read import read_photo


@pytest.fixture
def lot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures in a folder and in one inside it; we stand above them."""
    monkeypatch.chdir(tmp_path)
    return tree(tmp_path, ["lot/a.png", "lot/b.png", "lot/写真 é.PNG", "lot/deep/c.png"])


SQUARE = (Box(1, 2, 4, 5),)
HEADERS: dict[str, str] = {
    "plain": "image,x0,y0,x1,y1,kind\na.png,1,2,4,5,dent",
    "VOC": "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,8,6,dent,1,2,4,5",
    "a box's own size beside corners": "path,xmin,ymin,xmax,ymax,w,h,kind\na.png,1,2,4,5,3,3,dent",
    "counting from one": "IMAGE,X1,Y1,X2,Y2,Label\na.png,1,2,4,5,dent",
    "width and height": "file_name,x,y,width,height,category\na.png,1,2,3,3,dent",
    "w and h": "Kind; x ; y;w;h;Path;note\ndent;1.0;2;3e0;+3;a.png;x,y,z,,,,",
    "sides": "left\ttop\tright\tbottom\timage\ttype\n1\t2\t4\t5\ta.png\tdent",
    "a mark, line ends, quotes": '\ufeffimage,x0,y0,x1,y1,kind\r\n\r\n"a.png","1",2,4,5,"dent"\r\n',
}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.usefixtures("lot")
def test_tables_of_boxes(case: str) -> None:
    Path("boxes.CSV").write_text(HEADERS[case], encoding="utf-8", newline="")
    dataset = read_boxed(["lot"], "boxes.CSV")
    assert (dataset.name, dataset.layout) == ("lot", "boxes")
    size = SIZE if case == "VOC" else None
    assert dataset.samples[0] == Sample(Path("lot/a.png"), "dent", SQUARE, size)
    assert [sample.kind for sample in dataset.samples] == ["dent", "good", "good"]
    assert dataset.remarks == ("2 pictures of 3 not named in boxes.CSV: taken as good.",)


@pytest.mark.usefixtures("lot")
def test_several_boxes_empty_ones_and_pictures_in_folders() -> None:
    Path("boxes.csv").write_text(
        "image,x0,y0,x1,y1,kind\nlot\\a.png,1,2,4,5,dent\n./lot/b.png,,,,,\n写真 é.PNG,,,,,OK\n"
        "a.png,5,0,6,1,scratch\ndeep/c.png,0,0,1,1,\n".replace("\na.png", "\nlot\\a.png"),
        encoding="utf-8",
    )
    dataset = read_boxed(["lot"], Path("boxes.csv"))
    assert [(s.path.as_posix(), s.kind, s.truth) for s in dataset.samples] == [
        ("lot/a.png", "dent + scratch", (*SQUARE, Box(5, 0, 6, 1))),
        ("lot/b.png", "good", None),
        ("lot/写真 é.PNG", "good", None),
        ("lot/deep/c.png", "defect", (Box(0, 0, 1, 1),)),
    ]
    assert dataset.remarks == ()
    found = truth_mask(dataset.samples[0], read_photo(dataset.samples[0].path))
    assert found.sum() == 10
    assert found[2:5, 1:4].all()


def test_coco(lot: Path) -> None:
    runs = {"size": list(SIZE), "counts": [6, 2, 40]}
    packed = oracle.frPyObjects(runs, *SIZE)
    triangle = [1, 1, 6, 1, 1, 5]
    path = coco(
        lot / "boxes.json",
        {
            "a.png": [
                {"bbox": [1, 2, 3, 3], "category_id": 1},
                {"bbox": [0, 0, 1, 1], "segmentation": [triangle, [6, 4, 8, 4, 8, 6]]},
            ],
            "lot/b.png": [
                {"segmentation": runs, "category_id": 2, "iscrowd": 1},
                {"segmentation": {"size": list(SIZE), "counts": packed["counts"].decode()},
                 "category_id": 2},
            ],
            "写真 é.PNG": [],
            "deep/c.png": [{"bbox": [0.5, 0.5, 2, 2], "segmentation": [], "category_id": 9}],
        },
    )  # fmt: skip
    samples = {s.path.name: s for s in read_boxed(["lot"], path).samples}
    assert {name: s.kind for name, s in samples.items()} == {
        "a.png": "defect + scratch",
        "b.png": "dent",
        "写真 é.PNG": "good",
        "c.png": "defect",
    }
    assert samples["b.png"].truth == (Runs(SIZE, (6, 2, 40)),) * 2
    found = truth_mask(samples["b.png"], read_photo(samples["b.png"].path))
    assert np.array_equal(found, decoded(packed))
    parts = oracle.frPyObjects([triangle, [6, 4, 8, 4, 8, 6], [1, 2, 4, 2, 4, 5, 1, 5]], *SIZE)
    found = truth_mask(samples["a.png"], read_photo(samples["a.png"].path))
    assert np.array_equal(found, decoded(oracle.merge(parts)))


def test_names_open_nothing_but_what_was_given(lot: Path) -> None:
    picture(lot / "secret.png")
    hostile = ["../secret.png", str(lot / "secret.png"), "deep/../../secret.png", "..", "/", "C:\\"]
    for name in hostile:
        path = coco(lot / "boxes.json", {name: [{"bbox": [0, 0, 1, 1]}]})
        with pytest.raises(InputError) as caught:
            read_boxed(["lot"], path)
        assert str(caught.value) == (
            f"{path}: names 1 picture not among those given: {name}: give these too, or delete "
            "them from the file."
        )
    path = coco(lot / "boxes.json", {"/home/x/../a.png": [{"bbox": [0, 0, 1, 1]}]})
    dataset = read_boxed(["lot"], path)
    assert [sample.kind for sample in dataset.samples] == ["defect", "good", "good"]
    assert dataset.remarks[0] == (
        "1 picture found by the file's name, in another folder than named: /home/x/../a.png."
    )


def test_equal_names_in_folders(tmp_path: Path) -> None:
    tree(tmp_path, ["one/a.png", "two/a.png"])
    both = [tmp_path / "one", tmp_path / "two"]
    path = coco(tmp_path / "boxes.json", {"two/a.png": [{"bbox": [0, 0, 1, 1]}], "one/a.png": []})
    assert [sample.kind for sample in read_boxed(both, path).samples] == ["good", "defect"]
    with pytest.raises(InputError) as caught:
        read_boxed(both[:1], path)
    assert str(caught.value) == (
        f"{path}: two/a.png and one/a.png both mean {tmp_path}/one/a.png: give the folder above, "
        "where each has a picture of its own, or keep one."
    )
    path = coco(tmp_path / "boxes.json", {"a.png": []})
    with pytest.raises(InputError) as caught:
        read_boxed(both, path)
    assert str(caught.value) == (
        f"{path}: a.png may be {tmp_path}/one/a.png, {tmp_path}/two/a.png: name its folder in the "
        "file too."
    )


def test_a_name_means_the_picture_there_before_one_deeper(tmp_path: Path) -> None:
    tree(tmp_path, ["lot/a.png", "lot/deep/a.png"])
    path = coco(tmp_path / "boxes.json", {"deep/a.png": [{"bbox": [0, 0, 1, 1]}], "a.png": []})
    samples = read_boxed([tmp_path / "lot"], path).samples
    assert [(s.path.parent.name, s.kind) for s in samples] == [("lot", "good"), ("deep", "defect")]


HEAD = "image,x0,y0,x1,y1,kind\n"
WANTED = "expected image,x0,y0,x1,y1 or image,x,y,width,height, and kind if known."
UTF_8 = "is not UTF-8 text (Latin-1 or Shift-JIS?): save it as UTF-8."
BAD_TABLES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", f"the header is '': {WANTED}"),
    "no header": ("a.png,1,2,3,4\n", f"the header is 'a.png,1,2,3,4': {WANTED}"),
    "half of both forms": ("image,x0,y0,x1,h", f"the header is 'image,x0,y0,x1,h': {WANTED}"),
    "twice": ("image,x,xmin,y,w,h", "columns x and xmin mean the same (x0): delete one."),
    "cells": (HEAD + "a.png,1,2,3,4\n", "line 2 has 5 cells, the header 6."),
    "no name": (HEAD + "a.png,1,2,3,4,\n,1,2,3,4,", "line 3 names no picture."),
    "a word": (
        HEAD + "a.png,1,two,3,4,",
        "line 2: y0 is 'two': expected a number with a decimal point, or no box at all for a good "
        "picture.",
    ),
    "a comma": (
        "image;x;y;w;h\na.png;1;2,5;3;4",
        "line 2: y0 is '2,5': expected a number with a decimal point, or no box at all for a good "
        "picture.",
    ),
    "half a box": (
        HEAD + "a.png,1,2,,,",
        "line 2: x1 is '': expected a number with a decimal point, or no box at all for a good "
        "picture.",
    ),
    "infinite": (
        HEAD + "a.png,1,2,inf,4,",
        "line 2: x1 is 'inf': expected a number with a decimal point, or no box at all for a good "
        "picture.",
    ),
    "swapped": (
        HEAD + "a.png,4,5,1,2,",
        "line 2: the box runs from (4, 5) to (1, 2): expected the upper left corner first.",
    ),
    "good with a box": (
        HEAD + "a.png,1,2,3,4,Good",
        "line 2: a.png is called 'Good' and has a box: mend one of them.",
    ),
    "bad without": (
        HEAD + "a.png,,,,,dent",
        "line 2: a.png is called 'dent' and has no box: mend one of them.",
    ),
    "good, then not": (
        HEAD + "a.png,,,,,\na.png,1,2,3,4,",
        "a.png is good in line 2, and has a box: delete one.",
    ),
    "fractions": (
        HEAD + "a.png,0.1,0.2,0.3,0.4,",
        "all boxes lie between 0 and 1: they look like fractions of the picture: expected pixels.",
    ),
    "quotes": (HEAD + '"a.png,1', "line 2 is no CSV (unexpected end of data)."),
    "UTF-16": ((HEAD + "é").encode("utf-16"), "looks like UTF-16 text: save it as UTF-8."),
    "UTF-16, no mark": (HEAD.encode("utf-16-le"), "looks like UTF-16 text: save it as UTF-8."),
    "Latin-1": (HEAD.encode() + b"caf\xe9.png,1,2,3,4,", f"line 2 {UTF_8}"),
    "no picture": (
        HEAD + "".join(f"{i}.png,1,2,3,4,\n" for i in range(5)),
        "names 5 pictures not among those given: 0.png, 1.png, 2.png and 2 more: give these too, "
        "or delete them from the file.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
@pytest.mark.usefixtures("lot")
def test_tables_that_are_refused(case: str) -> None:
    content, message = BAD_TABLES[case]
    Path("boxes.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_boxed(["lot"], "boxes.csv")
    assert str(caught.value) == f"boxes.csv: {message}"


NO_COCO = "no COCO file: expected images, annotations and categories."
IMAGES = [{"id": 1, "file_name": "a.png"}]


def _file(images: object = IMAGES, **one: object) -> str:
    found = [{"id": 7, "image_id": 1, **one}] if one else []
    kinds = [{"id": 1, "name": "Good"}]
    return json.dumps({"images": images, "annotations": found, "categories": kinds})


BOX = "annotation 7: bbox is {}: expected [x, y, width, height] in pixels."
OUTLINE = "annotation 7: polygon {}: expected x, y of at least three corners."
LENGTHS = "annotation 7: run lengths that cannot be read: expected size and counts."
BAD_COCO: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is no JSON that can be read (line 1)."),
    "cut off": ('{"images":\n [1', "is no JSON that can be read (line 2)."),
    "deep": ("[" * 100_000, "its JSON is nested too deep: no COCO file is."),
    "Latin-1": (b'{"caf\xe9": 1}', f"line 1 {UTF_8}"),
    "a list": ("[]", NO_COCO),
    "something else": ('{"shapes": []}', NO_COCO),
    "numbers": (_file([1]), "no COCO file: images must be a list of objects."),
    "no name": (
        _file([{"id": 1}]),
        "image '1': expected an id of its own and a file_name.",
    ),
    "an id twice": (
        _file([*IMAGES, {"id": 1, "file_name": "b.png"}]),
        "image 'b.png': expected an id of its own and a file_name.",
    ),
    "no such image": (
        _file(image_id=2),
        "annotation 7 is of image 2, which is not among the images.",
    ),
    "a good place": (
        _file(category_id=1, bbox=[0, 0, 1, 1]),
        "annotation 7 calls a place 'Good': expected defects alone.",
    ),
    "no box": (_file(area=3), BOX.format("None")),
    "three numbers": (_file(bbox=[1, 2, 3]), BOX.format("[1, 2, 3]")),
    "corners": (_file(bbox=[5, 5, -1, 2]), BOX.format("[5, 5, -1, 2]")),
    "not a number": (_file(bbox=[1, 2, float("nan"), 4]), BOX.format("[1, 2, nan, 4]")),
    "two corners": (_file(segmentation=[[1, 2, 3, 4]]), OUTLINE.format("[1, 2, 3, 4]")),
    "half a corner": (_file(segmentation=[[1] * 7]), OUTLINE.format([1] * 7)),
    "a word": (_file(segmentation=["polygon"]), OUTLINE.format("polygon")),
    "text": (
        _file(segmentation="polygon"),
        "annotation 7: expected a segmentation of polygons or run lengths.",
    ),
    "no counts": (_file(segmentation={"size": [6, 8]}), LENGTHS),
    "no RLE": (_file(segmentation={"size": [6, 8], "counts": "~~~"}), LENGTHS),
    "cut RLE": (_file(segmentation={"size": [6, 8], "counts": "oo"}), LENGTHS),
    "negative": (_file(segmentation={"size": [6, 8], "counts": [50, -2]}), LENGTHS),
    "a size": (_file(segmentation={"size": [48], "counts": [48]}), LENGTHS),
    "too few": (
        _file(segmentation={"size": [6, 8], "counts": [40, 7]}),
        "annotation 7: run lengths of 47 pixels in all: expected 48 for 8 × 6 px.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_COCO)
@pytest.mark.usefixtures("lot")
def test_coco_files_that_are_refused(case: str) -> None:
    content, message = BAD_COCO[case]
    Path("boxes.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_boxed(["lot"], "boxes.json")
    assert str(caught.value) == f"boxes.json: {message}"


@pytest.mark.usefixtures("lot")
def test_files_of_boxes_that_are_none() -> None:
    for name, message in {
        "boxes.xml": "boxes.xml: expected a COCO file (.json) or a table of boxes (.csv).",
        "boxes.csv": "boxes.csv: no such file.",
        "": ": expected a COCO file (.json) or a table of boxes (.csv).",
    }.items():
        with pytest.raises(InputError) as caught:
            read_boxed(["lot"], name)
        assert str(caught.value) == message
    Path("boxes.json").mkdir()
    with pytest.raises(InputError, match=r"boxes\.json: cannot be read \(a folder, not a file\)\."):
        read_boxed(["lot"], "boxes.json")


def _only(images: Path, path: Path) -> Sample:
    return read_boxed([images], path).samples[0]


PER_PICTURE: dict[str, tuple[dict[str, object], str]] = {
    "box outside": (
        {"bbox": [20, 20, 2, 2]},
        "the box (20, 20) to (22, 22) lies outside the picture of 8 × 6 px: boxes are in the "
        "original picture's pixels, upright.",
    ),
    "polygon far outside": (
        {"segmentation": [[0, 0, 1e9, 0, 0, 5]]},
        "the polygon of 3 corners from (0, 0) goes far beyond the picture of 8 × 6 px: corners are "
        "in the original picture's pixels, upright.",
    ),
    "polygon beside": (
        {"segmentation": [[9, 1, 12, 1, 12, 5]]},
        "the polygon of 3 corners from (9, 1) marks no pixel of the picture of 8 × 6 px.",
    ),
    "no run": (
        {"segmentation": {"size": [6, 8], "counts": [48]}},
        "the run-length mask of 8 × 6 px marks no pixel of the picture of 8 × 6 px.",
    ),
    "runs of another size": (
        {"segmentation": {"size": [8, 6], "counts": [40, 8]}},
        "the run-length mask of 6 × 8 px does not fit the picture of 8 × 6 px: expected the "
        "original picture's size, upright.",
    ),
}


@pytest.mark.parametrize("case", PER_PICTURE)
def test_shapes_that_do_not_fit_are_that_picture_s_failure(case: str, tmp_path: Path) -> None:
    annotation, message = PER_PICTURE[case]
    path = picture(tmp_path / "lot/a.png")
    sample = _only(path.parent, coco(tmp_path / "boxes.json", {"a.png": [annotation]}))
    with pytest.raises(InputError) as caught:
        truth_mask(sample, read_photo(path))
    assert str(caught.value) == f"{path}: {message}"


def test_a_stated_size_must_be_the_photo_s_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    path = picture(tmp_path / "lot/a.png", (6, 8), exif=exif)
    messages: dict[tuple[int, int], str | None] = {
        (8, 6): None,
        (0, 0): None,
        (6, 8): (
            f"{path}: its shapes are in 8 × 6 px, {path} has 6 × 8 px once its EXIF rotation is "
            "applied: it was drawn on the picture as stored. Rotate it as the picture is."
        ),
        (60, 80): (
            f"{path}: its shapes are in 80 × 60 px, {path} has 6 × 8 px: expected the same size."
        ),
    }
    for (height, width), message in messages.items():
        image = {"id": 0, "file_name": "a.png", "height": height, "width": width}
        content = {"images": [image], "annotations": [{"image_id": 0, "bbox": [0, 0, 1, 1]}]}
        (tmp_path / "boxes.json").write_text(json.dumps(content))
        sample = _only(path.parent, tmp_path / "boxes.json")
        if message is None:
            assert truth_mask(sample, read_photo(path)).sum() == 1
            continue
        with pytest.raises(InputError) as caught:
            truth_mask(sample, read_photo(path))
        assert str(caught.value) == message
