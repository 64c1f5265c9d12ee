"""Folders as datasets come: MVTec, VisA, one folder a kind, or pictures alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vitmap.datasets.masks import lonely_masks, match, remarks_on
from vitmap.datasets.places import folders_in, pictures_in, require_folder
from vitmap.datasets.samples import DEFECT, GOOD, Dataset, Sample, counted, is_good, some
from vitmap.errors import InputError
from vitmap.photo.find import is_folder, real

_EXPECTED = (
    "expected test/good and test/DEFECT with ground_truth (MVTec), Data/Images (VisA), a folder "
    "good/ beside folders of defects, or pictures"
)


def read_dataset(folder: str | Path) -> Dataset:
    """The labelled pictures of a folder, by its layout.

    - MVTec: `test/good`, `test/scratch` …, masks in `ground_truth/scratch/01_mask.png` (or
      `01.png`), good pictures to learn from in `train/good`; without `ground_truth`, no masks.
    - VisA: `Data/Images/Normal` and `Anomaly`, masks in `Data/Masks/Anomaly`.
    - A folder `good` (or `ok`, `normal`) beside others: each is a kind, there are no masks.
    - Pictures alone: nothing is known of them.

    Raises InputError for anything else, and for masks and pictures that do not pair.
    """
    place = require_folder(folder)
    if reader := _layout(place):
        return reader(place)
    inside = [f for f in folders_in(place) if _layout(f) in (_mvtec, _visa)]
    if inside:
        raise InputError(
            f"{place}: holds {counted(len(inside), 'dataset')} ({some([f.name for f in inside])}): "
            "name one of them."
        )
    raise InputError(f"{place}: no layout that is known: {_EXPECTED}; {_seen(place)}.")


def _layout(place: Path) -> Callable[[Path], Dataset] | None:
    folders = folders_in(place)
    if is_folder(place / "test") and folders_in(place / "test"):
        return _mvtec
    if any(is_folder(root / "Images" / "Normal") for root in (place, place / "Data")):
        return _visa
    if any(is_good(f.name) for f in folders):
        return _kinds_alone
    return _unlabelled if pictures_in(place) else None


def _mvtec(place: Path) -> Dataset:
    paths, remarks = _of_kinds(folders_in(place / "test"), place / "test")
    masks = place / "ground_truth"
    pairs: dict[Path, Path] = {}
    if is_folder(masks):
        pairs, lonely = match(paths, masks, everywhere=True)
        if lonely:
            raise lonely_masks(lonely)
        remarks += remarks_on(pairs.values())
    else:
        remarks.append("There is no ground_truth: nothing says where the defects lie.")
    golden = [
        picture
        for folder in (folders_in(place / "train") if is_folder(place / "train") else [])
        for picture in pictures_in(folder)
        if is_good(folder.name)
    ]
    if not golden:
        remarks.append("There are no good pictures to learn from in train/good.")
    samples = tuple(Sample(path, _kind(path), pairs.get(path)) for path in paths)
    return Dataset(_name(place), "MVTec", samples, tuple(golden), tuple(remarks))


def _visa(place: Path) -> Dataset:
    data = place / "Data" if is_folder(place / "Data" / "Images") else place
    paths, remarks = _of_kinds(folders_in(data / "Images"), data / "Images")
    pairs: dict[Path, Path] = {}
    if is_folder(data / "Masks"):
        pairs, lonely = match(paths, data / "Masks", everywhere=True)
        if lonely:
            raise lonely_masks(lonely)
    else:
        remarks.append("There is no Data/Masks: nothing says where the defects lie.")
    remarks.append("VisA keeps all good pictures in one folder: none is set apart to learn from.")
    samples = tuple(
        Sample(path, GOOD if is_good(path.parent.name) else DEFECT, pairs.get(path))
        for path in paths
    )
    return Dataset(_name(place), "VisA", samples, (), tuple(remarks))


def _kinds_alone(place: Path) -> Dataset:
    paths, remarks = _of_kinds(folders_in(place), place)
    remarks.append("There are no masks: nothing says where the defects lie.")
    if _name(place) == "test" and is_folder(Path(real(place)).parent / "ground_truth"):
        remarks.append("A ground_truth lies beside this folder: name the one above to use it.")
    samples = tuple(Sample(path, _kind(path)) for path in paths)
    return Dataset(_name(place), "good and bad folders", samples, (), tuple(remarks))


def _unlabelled(place: Path) -> Dataset:
    remarks = [f"{f.name} was not looked into." for f in folders_in(place) if pictures_in(f)]
    samples = tuple(Sample(path, "") for path in pictures_in(place))
    return Dataset(_name(place), "no labels", samples, (), tuple(remarks))


def _of_kinds(folders: list[Path], above: Path) -> tuple[list[Path], list[str]]:
    """The pictures of one folder a kind; a picture beside these has no kind, which is an error."""
    stray = pictures_in(above)
    if stray:
        raise InputError(
            f"{above}: {counted(len(stray), 'picture')} ({some([p.name for p in stray])}) beside "
            "the folders: put each into the folder of its kind."
        )
    found, remarks = [], []
    for folder in folders:
        pictures = pictures_in(folder)
        found += pictures
        if not pictures:
            remarks.append(f"{folder.name} holds no pictures.")
        remarks += [
            f"{folder.name}/{deeper.name} was not looked into."
            for deeper in folders_in(folder)
            if pictures_in(deeper)
        ]
    if not found:
        raise InputError(f"{above}: no pictures in its folders (.jpg, .png, .tif, .bmp …).")
    return found, remarks


def _kind(path: Path) -> str:
    return GOOD if is_good(path.parent.name) else path.parent.name


def _name(place: Path) -> str:
    return Path(real(place)).name


def _seen(place: Path) -> str:
    names = [f"{folder.name}/" for folder in folders_in(place)]
    return f"it holds {some(names)}" if names else "it holds no folders and no pictures"
