"""Labelled picture sets: layouts, masks, and what is said of sets that do not fit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelled import SIZE, mask, picture, tree
from vitmap.datasets import Dataset, read_dataset, read_masked, truth_mask
from vitmap.errors import InputError
from vitmap.photo.read import read_photo

MVTEC = [
    "train/good/0.png",
    "train/good/1.PNG",
    "test/good/0.png",
    "test/scratch/0.jpg",
    "test/scratch/1.png",
    "ground_truth/scratch/0_mask.png",
    "ground_truth/scratch/1_mask.png",
]
LAYOUTS: dict[str, tuple[list[str], str, list[str], list[str], list[str]]] = {
    # names → layout, "kind picture mask" of each sample, golden, remarks
    "MVTec": (
        MVTEC,
        "MVTec",
        [
            "good test/good/0.png -",
            "scratch test/scratch/0.jpg ground_truth/scratch/0_mask.png",
            "scratch test/scratch/1.png ground_truth/scratch/1_mask.png",
        ],
        ["train/good/0.png", "train/good/1.PNG"],
        [],
    ),
    "MVTec, masks of the same name, other suffixes, hidden files, odd names": (
        [
            "test/ok/é.png",
            "test/割れ/写真 一.Tiff",
            "test/割れ/._写真 一.png",
            "test/.ipynb_checkpoints/x.png",
            "ground_truth/割れ/写真 一.BMP",
            "train/bad/0.png",
        ],
        "MVTec",
        ["good test/ok/é.png -", "割れ test/割れ/写真 一.Tiff ground_truth/割れ/写真 一.BMP"],
        [],
        ["There are no good pictures to learn from in train/good."],
    ),
    "MVTec without masks": (
        [
            "train/good/0.png",
            "test/good/0.png",
            "test/dent/0.png",
            "test/odd/",
            "test/dent/x/0.png",
        ],
        "MVTec",
        ["dent test/dent/0.png -", "good test/good/0.png -"],
        ["train/good/0.png"],
        [
            "dent/x was not looked into.",
            "odd holds no pictures.",
            "There is no ground_truth: nothing says where the defects lie.",
        ],
    ),
    "VisA": (
        [
            "Data/Images/Normal/0.JPG",
            "Data/Images/Anomaly/0.JPG",
            "Data/Masks/Anomaly/0.png",
        ],
        "VisA",
        [
            "defect Data/Images/Anomaly/0.JPG Data/Masks/Anomaly/0.png",
            "good Data/Images/Normal/0.JPG -",
        ],
        [],
        ["VisA keeps all good pictures in one folder: none is set apart to learn from."],
    ),
    "VisA's Data without masks": (
        ["Images/Normal/0.JPG", "Images/Anomaly/0.JPG"],
        "VisA",
        ["defect Images/Anomaly/0.JPG -", "good Images/Normal/0.JPG -"],
        [],
        [
            "There is no Data/Masks: nothing says where the defects lie.",
            "VisA keeps all good pictures in one folder: none is set apart to learn from.",
        ],
    ),
    "good and bad": (
        ["Good/0.png", "scratch/0.png", "__MACOSX/0.png"],
        "good and bad folders",
        ["good Good/0.png -", "scratch scratch/0.png -"],
        [],
        ["There are no masks: nothing says where the defects lie."],
    ),
    "pictures": (
        ["b.png", "a.png", "deeper/c.png"],
        "no labels",
        [" a.png -", " b.png -"],
        [],
        ["deeper was not looked into."],
    ),
}


def described(dataset: Dataset, root: Path) -> list[str]:
    """`kind picture mask` of each sample."""
    return [
        f"{s.kind} {s.path.relative_to(root).as_posix()} "
        f"{s.truth.relative_to(root).as_posix() if isinstance(s.truth, Path) else '-'}"
        for s in dataset.samples
    ]


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts(case: str, tmp_path: Path) -> None:
    names, layout, samples, golden, remarks = LAYOUTS[case]
    root = tree(tmp_path / "bottle", names)
    dataset = read_dataset(str(root))
    assert (dataset.name, dataset.layout) == ("bottle", layout)
    assert described(dataset, root) == samples
    assert [path.relative_to(root).as_posix() for path in dataset.golden] == golden
    assert list(dataset.remarks) == remarks


def test_a_test_folder_says_that_masks_lie_beside_it(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, MVTEC) / "test")
    assert dataset.layout == "good and bad folders"
    assert dataset.remarks[-1].startswith("A ground_truth lies beside this folder: name the one ab")


def test_links_are_followed_and_broken_ones_are_that_picture_s_failure(tmp_path: Path) -> None:
    tree(tmp_path, [*MVTEC, "test/good/1.png"])
    (tmp_path / "test/good/1.png").unlink()
    (tmp_path / "test/good/1.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "link").symlink_to(tmp_path)
    assert len(read_dataset(tmp_path / "link").samples) == 4


EXPECTED = (
    "expected test/good and test/DEFECT with ground_truth (MVTec), Data/Images (VisA), a folder "
    "good/ beside folders of defects, or pictures"
)
MISSING = "Put good pictures into a folder good/, or give them masks that are black throughout."
NO_DATASET: dict[str, tuple[list[str], str]] = {
    "several": (
        ["bottle/test/good/0.png", "cable/test/good/0.png", "pcb/Data/Images/Normal/0.png"],
        "{}: holds 3 datasets (bottle, cable, pcb): name one of them.",
    ),
    "one, deeper": (
        ["bottle/test/good/0.png"],
        "{}: holds 1 dataset (bottle): name one of them.",
    ),
    "nothing": (
        ["."],
        f"{{}}: no layout that is known: {EXPECTED}; it holds no folders and no pictures.",
    ),
    "other folders": (
        ["a/0.png", "b/0.png", "c/0.png", "d/0.png"],
        f"{{}}: no layout that is known: {EXPECTED}; it holds a/, b/, c/ and 1 more.",
    ),
    "no pictures": (
        ["test/good/", "test/bad/"],
        "{}/test: no pictures in its folders (.jpg, .png, .tif, .bmp …).",
    ),
    "pictures beside": (
        ["good/0.png", "bad/0.png", "1.png"],
        "{}: 1 picture (1.png) beside the folders: put each into the folder of its kind.",
    ),
    "no mask": (
        [*MVTEC[:-2], *(f"test/dent/{i}.png" for i in range(2)), "ground_truth/dent/0.png"],
        "3 pictures without mask: {}/test/dent/1.png, {}/test/scratch/0.jpg, "
        "{}/test/scratch/1.png: expected {}/ground_truth/dent/1.png, 1_mask.png or the like. "
        + MISSING,
    ),
    "five without masks": (
        ["test/a/" + f"{i}.png" for i in range(5)] + ["ground_truth/a/"],
        "5 pictures without mask: {}/test/a/0.png, {}/test/a/1.png, {}/test/a/2.png and 2 more: "
        "expected {}/ground_truth/a/0.png, 0_mask.png or the like. " + MISSING,
    ),
    "no picture": (
        [*MVTEC, "ground_truth/scratch/2_mask.png", "ground_truth/dent/0.png"],
        "2 masks without picture: {}/ground_truth/dent/0.png, {}/ground_truth/scratch/2_mask.png: "
        "give the pictures too, or move the masks away.",
    ),
    "two masks": (
        [*MVTEC, "ground_truth/scratch/0.png"],
        "{}/test/scratch/0.jpg: has 2 masks ({}/ground_truth/scratch/0.png, "
        "{}/ground_truth/scratch/0_mask.png): keep one.",
    ),
    "two pictures": (
        [*MVTEC, "test/scratch/0.png"],
        "{}/ground_truth/scratch/0_mask.png: is the mask of {}/test/scratch/0.jpg or of "
        "{}/test/scratch/0.png: give the pictures names of their own, or put masks into folders "
        "named as the pictures' folders.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_DATASET)
def test_folders_that_are_no_dataset(case: str, tmp_path: Path) -> None:
    names, message = NO_DATASET[case]
    root = tree(tmp_path / "given", [name for name in names if name != "."])
    root.mkdir(exist_ok=True)
    with pytest.raises(InputError) as caught:
        read_dataset(root)
    assert str(caught.value) == message.replace("{}", str(root))


def test_what_is_no_folder(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    for given, what in [(file, "is a file"), (tmp_path / "b", "no such folder")]:
        for reading in (read_dataset, lambda place: read_masked([file], place)):
            with pytest.raises(InputError) as caught:
                reading(given)
            assert str(caught.value) == f"{given}: {what}: expected a folder."
    with pytest.raises(InputError, match=r"^An empty name: no such folder: expected a folder\.$"):
        read_dataset("")


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    tmp_path.joinpath("shut").mkdir(mode=0)
    if os.access(tmp_path / "shut", os.R_OK):
        pytest.skip("nothing is shut for this user")
    with pytest.raises(InputError, match=r"shut: cannot be read \(Permission denied\)\."):
        read_dataset(tmp_path / "shut")


BLACK = np.zeros(SIZE, dtype=np.uint8)


def test_masked_pictures(tmp_path: Path) -> None:
    tree(tmp_path, ["a/0.jpg", "a/1.png", "a/good/2.png", "masks/0_gt.png"])
    mask(tmp_path / "masks/1.png", BLACK)
    dataset = read_masked([tmp_path / "a"], tmp_path / "masks")
    assert described(dataset, tmp_path) == [
        "defect a/0.jpg masks/0_gt.png",
        "good a/1.png masks/1.png",
        "good a/good/2.png -",
    ]
    assert (dataset.name, dataset.layout, dataset.remarks) == ("a", "masks", ())


def test_masks_in_folders_named_as_the_pictures_give_kinds(tmp_path: Path) -> None:
    tree(tmp_path, MVTEC)
    dataset = read_masked([str(tmp_path / "test")], str(tmp_path / "ground_truth"))
    assert dataset.samples == read_dataset(tmp_path).samples


def test_masks_inside_the_pictures_folder(tmp_path: Path) -> None:
    tree(tmp_path, ["a/0.jpg", "a/masks/0.png"])
    dataset = read_masked([tmp_path / "a"], tmp_path / "a" / "masks")
    assert described(dataset, tmp_path) == ["defect a/0.jpg a/masks/0.png"]


def test_some_of_the_pictures_need_some_of_the_masks(tmp_path: Path) -> None:
    tree(tmp_path, [f"{folder}/{i}.png" for folder in ("a", "masks") for i in range(3)])
    dataset = read_masked([tmp_path / "a" / "[01].png"], tmp_path / "masks")
    assert len(dataset.samples) == 2
    assert dataset.remarks == ("1 mask of pictures that were not named: unused.",)
    (tmp_path / "a/1.png").unlink()
    with pytest.raises(InputError, match=r"^1 mask without picture: .*masks/1\.png: give the pict"):
        read_masked([tmp_path / "a"], tmp_path / "masks")


def test_composed_and_decomposed_names_are_one(tmp_path: Path) -> None:
    tree(tmp_path, ["a/caf\u00e9.png", "masks/cafe\u0301_mask.png"])
    assert read_masked([tmp_path / "a"], tmp_path / "masks").samples[0].truth


def test_masked_pictures_that_do_not_fit(tmp_path: Path) -> None:
    tree(tmp_path, ["a/0.png", "masks/1.png", "both/0.png", "both/0_mask.png"])
    with pytest.raises(InputError) as caught:
        read_masked([tmp_path / "a"], tmp_path / "masks")
    assert str(caught.value) == (
        f"1 picture without mask: {tmp_path}/a/0.png: expected {tmp_path}/masks/0.png, 0_mask.png "
        f"or the like. {MISSING}"
    )
    with pytest.raises(InputError, match="holds pictures that are given and their masks"):
        read_masked([tmp_path / "both"], tmp_path / "both")
    with pytest.raises(InputError, match=r"nowhere: no such file\."):
        read_masked([tmp_path / "nowhere"], tmp_path / "masks")
    with pytest.raises(InputError, match=r"^No pictures were given"):
        read_masked([], tmp_path / "masks")


def test_a_damaged_mask_is_that_picture_s_failure(tmp_path: Path) -> None:
    tree(tmp_path, ["a/0.png", "a/1.png", "masks/0.png", "masks/1.png"])
    (tmp_path / "masks/0.png").write_bytes(b"no picture")
    broken, whole = read_masked([tmp_path / "a"], tmp_path / "masks").samples
    with pytest.raises(InputError, match=r"masks/0\.png: not a picture that can be read"):
        truth_mask(broken, read_photo(broken.path))
    assert truth_mask(whole, read_photo(whole.path)).sum() == 6


def test_real_pictures_with_masks(shared: Path) -> None:
    dataset = read_dataset(shared / "defects" / "ballscrew")
    assert (dataset.name, dataset.layout, dataset.remarks) == ("ballscrew", "MVTec", ())
    assert len(dataset.golden) == 40
    assert [s.kind for s in dataset.samples] == ["good"] * 20 + ["pitting"] * 40
    for sample in dataset.samples[18:23]:
        found = truth_mask(sample, read_photo(sample.path))
        if sample.truth:
            assert np.array_equal(found, np.asarray(Image.open(sample.truth)) == 255)
        else:
            assert not found.any()
