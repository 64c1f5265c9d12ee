"""Pictures with a folder of masks: which mask belongs to which picture."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from vitmap.datasets.places import folders_in, name_of, pictures_in, require_folder
from vitmap.datasets.samples import DEFECT, GOOD, Dataset, Sample, counted, is_good, some
from vitmap.datasets.truth import read_mask
from vitmap.errors import InputError
from vitmap.photo.find import find_pictures, is_folder, real

# What tools add to a picture's name: MVTec `_mask`, BSData and others `_gt`, `_label` …
_ENDINGS = ("", "_mask", "-mask", "_gt", "_label", "_labels", "_seg", "_segmentation")


def read_masked(images: Sequence[str | Path], masks: str | Path) -> Dataset:
    """Pictures (folders, files, patterns), each with a mask of the same name in a folder.

    Of a folder, its pictures and those of its folders are meant. The mask of `a/scratch/01.jpg` is
    `masks/scratch/01.png` where there is a `masks/scratch`, else `masks/01.png`; `01_mask.png` and
    the like do as well. A folder's name in both places is the kind. A mask of zeros makes a good
    picture; pictures in a folder `good` need none.

    Raises InputError for pictures without mask, masks without picture (where whole folders were
    given), and where two could be meant.
    """
    place = require_folder(masks)
    paths = _pictures(images, place)
    pairs, lonely = match(paths, place)
    remarks = [*remarks_on(pairs.values())]
    if lonely and all(is_folder(given) for given in images):
        raise lonely_masks(lonely)
    if lonely:
        remarks.append(f"{counted(len(lonely), 'mask')} of pictures that were not named: unused.")
    samples = tuple(Sample(path, _kind(path, pairs), pairs.get(path)) for path in paths)
    return Dataset(name_of(images, paths), "masks", samples, (), tuple(remarks))


def match(
    pictures: Sequence[Path], masks: Path, *, everywhere: bool = False
) -> tuple[dict[Path, Path], list[Path]]:
    """Masks by picture, and the masks that are nobody's.

    Those are looked for where a picture's mask could have been, or `everywhere` below `masks`.

    Raises InputError for pictures without mask that are in no folder `good`, and for two masks of
    one picture or two pictures of one mask.
    """
    homes = {folder.name: folder for folder in folders_in(masks)}
    places = {picture: homes.get(picture.parent.name, masks) for picture in pictures}
    looked = {masks, *homes.values()} if everywhere else set(places.values())
    by_stem = {place: _by_stem(pictures_in(place)) for place in sorted({*looked, *places.values()})}
    pairs: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    missing: list[Path] = []
    for picture, place in places.items():
        stem = _normal(picture.stem)
        found = [mask for end in _ENDINGS for mask in by_stem[place].get(stem + end, ())]
        if len(found) > 1:
            raise InputError(f"{picture}: has {len(found)} masks ({some(found)}): keep one.")
        if not found:
            missing += [] if is_good(picture.parent.name) else [picture]
            continue
        pairs[picture] = found[0]
        if (other := owners.setdefault(found[0], picture)) != picture:
            raise InputError(
                f"{found[0]}: is the mask of {other} or of {picture}: give the pictures names of "
                "their own, or put masks into folders named as the pictures' folders."
            )
    if missing:
        home, stem = places[missing[0]], missing[0].stem
        raise InputError(
            f"{counted(len(missing), 'picture')} without mask: {some(missing)}: expected "
            f"{home / stem}.png, {stem}_mask.png or the like. Put good pictures into a folder "
            "good/, or give them masks that are black throughout."
        )
    all_masks = [mask for stems in by_stem.values() for found in stems.values() for mask in found]
    return pairs, sorted({*all_masks} - {*owners})


def lonely_masks(masks: Sequence[Path]) -> InputError:
    """The error for masks whose picture is not there."""
    return InputError(
        f"{counted(len(masks), 'mask')} without picture: {some(masks)}: give the pictures too, or "
        "move the masks away."
    )


def remarks_on(masks: Iterable[Path]) -> Iterable[str]:
    """What to say of masks in a format that does not keep their values."""
    jpegs = [mask for mask in masks if mask.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif")]
    if jpegs:
        yield (
            f"{counted(len(jpegs), 'mask')} in JPEG: values from 128 on are taken as defect; save "
            "masks as PNG to have them exact."
        )


def _pictures(images: Sequence[str | Path], masks: Path) -> list[Path]:
    """The pictures of files, patterns, folders, and folders in these, the masks' own apart."""
    inputs: list[str | Path] = []
    for given in images:
        deeper = folders_in(Path(given)) if given and is_folder(given) else []
        deeper = [f for f in deeper if pictures_in(f) and real(f) != real(masks)]
        if not deeper or pictures_in(Path(given)):
            inputs.append(given)
        inputs += deeper
    found, errors = find_pictures(inputs)
    for error in errors.values():
        raise error
    inside = [path for path in found if real(path.parent) == real(masks)]
    if inside:
        raise InputError(
            f"{masks}: holds pictures that are given and their masks ({some(inside)}): put the "
            "masks into a folder of their own."
        )
    if not found:
        raise InputError("No pictures were given: name folders or files.")
    return found


def _kind(picture: Path, pairs: dict[Path, Path]) -> str:
    folder = picture.parent.name
    if is_good(folder):
        return GOOD
    try:
        if not read_mask(pairs[picture]).any():
            return GOOD
    except InputError:
        pass  # that one picture's failure, told when its mask is asked for
    return folder if pairs[picture].parent.name == folder else DEFECT


def _by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        stems[_normal(path.stem)].append(path)
    return stems


def _normal(stem: str) -> str:
    """A Mac writes é as two letters, others as one."""
    return unicodedata.normalize("NFC", stem)
