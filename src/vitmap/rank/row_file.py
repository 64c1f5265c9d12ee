"""A row's file: safetensors with what the row is of, and a digest of all that it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from msgspec import Meta
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vitmap.errors import InputError
from vitmap.files.checked import convert, damaged, parse_json, seal, unseal
from vitmap.files.opener import open_file
from vitmap.rank.histogram import BINS
from vitmap.rank.row import HIT, IOU, MASS, MEASURES, PEAK, SCORE, Row, Truth
from vitmap.reference.registration import Placed

NONE = slice(0, 0)  # of the stored maps
KIND = "a row that vitmap rank wrote"

_FIELDS = {"name", "digest", "kind", "grid", "placed"}
_SEALED = {"row", "key", "tensors", "digest"}
_TENSORS = {
    "bins": (np.uint16, 2),
    "measures": (np.float64, 2),
    "total": (np.int64, 1),
    "defect": (np.int64, 1),
    "regions": (np.int64, 2),
}
_TRUTH = ("total", "defect", "regions")
_Patches = Annotated[int, Meta(ge=1, le=1 << 20)]


class _About(TypedDict):
    name: str
    digest: str
    kind: str
    grid: tuple[_Patches, _Patches]
    placed: Placed | None


def write_row(path: Path, row: Row, key: str = "") -> None:
    """A row as safetensors; `key` names all that it depends on."""
    about = {
        "name": row.name,
        "digest": row.digest,
        "kind": row.kind,
        "grid": row.grid,
        "placed": asdict(row.placed) if row.placed else None,
    }
    tensors = {"bins": row.bins, "measures": row.measures}
    if row.truth is not None:
        tensors |= {
            "total": row.truth.total,
            "defect": row.truth.defect,
            "regions": row.truth.regions,
        }
    tensors = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    whole = seal({"row": about, "key": key, "tensors": tensors_digest(tensors)})
    path.write_bytes(save(tensors, metadata={"vitmap": json.dumps(whole, sort_keys=True)}))


def read_row(
    path: Path, lines: slice | None = None, places: slice | None = None, *, truth: bool = True
) -> Row:
    """What `write_row` wrote; where asked, only some stored maps, some candidates' measures.

    The digest is not looked at: `check_row` does that, once.

    Raises InputError for a file that is missing, damaged, or something else.
    """
    with _opened(path) as file:
        about, _ = _about(file, path)
        has_truth = _require_types(file, path)
        return Row(
            name=about["name"],
            digest=about["digest"],
            kind=about["kind"],
            grid=about["grid"],
            bins=file.get_slice("bins")[lines if lines is not None else slice(None)],
            measures=file.get_slice("measures")[places if places is not None else slice(None)],
            truth=Truth(*map(file.get_tensor, _TRUTH)) if truth and has_truth else None,
            placed=about["placed"],
        )


def read_label(path: Path) -> Row:
    """A row's name, digest and kind alone."""
    return read_row(path, NONE, NONE, truth=False)


def check_row(path: Path, key: str, digest: str, kind: str, shape: tuple[int, int]) -> Row:
    """A kept row, once it is what `write_row` wrote of that picture, whole.

    `shape` is how many stored maps and candidates it holds. Rows from before digests have none.

    Raises DamagedFile, or InputError where the file cannot be read.
    """
    row = read_row(path)
    with _opened(path) as file:
        _, whole = _about(file, path)
        if whole is not None:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if whole["tensors"] != tensors_digest(tensors):
                raise damaged(path, KIND, "its tensors were changed after they were written")
            if whole["key"] != key:
                raise damaged(path, KIND, "field key: is another row's")
    if (row.digest, row.kind) != (digest, kind):
        raise damaged(path, KIND, "fields digest and kind: are another picture's")
    if (len(row.bins), len(row.measures)) != shape:
        seen = (len(row.bins), len(row.measures))
        raise damaged(path, KIND, f"expected {shape} maps and candidates, seen {seen}")
    _require_ranges(row, path)
    return row


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        open_file(path).close()  # a named pipe would be waited for
        with safe_open(path, framework="numpy") as file:
            yield file
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (SafetensorError, LookupError, ValueError, TypeError, OverflowError) as error:
        raise damaged(path, KIND, f"{type(error).__name__}: {str(error)[:200]}") from error


def _about(file: Any, path: Path) -> tuple[_About, dict[str, Any] | None]:
    """What the row is of, and the sealed object around it; files from before digests have none."""
    metadata = file.metadata() or {}
    if metadata.keys() != {"vitmap"}:
        raise damaged(path, KIND, "expected one entry vitmap among its metadata")
    found = parse_json(metadata["vitmap"], str(path), KIND)
    whole = None
    if not (isinstance(found, dict) and found.keys() == _FIELDS):
        if not isinstance(found, dict) or found.keys() != _SEALED:
            raise damaged(path, KIND, f"expected the fields {', '.join(sorted(_SEALED))}")
        whole = unseal(found, str(path), KIND)
        found = whole["row"]
    about: _About = convert(found, _About, str(path), KIND)
    return about, whole


def _require_types(file: Any, path: Path) -> bool:
    """Whether the row has a truth; raises DamagedFile for other tensors than a row has."""
    names = set(file.keys())
    if names not in ({*_TENSORS}, {*_TENSORS} - {*_TRUTH}):
        raise damaged(path, KIND, f"expected the tensors {', '.join(_TENSORS)}")
    for name in names:
        dtype, axes = _TENSORS[name]
        values = file.get_slice(name)
        if len(values.get_shape()) != axes or values.get_dtype() != _SHORT[dtype]:
            raise damaged(path, KIND, f"tensor {name}: expected {dtype.__name__}, {axes} axes")
    return "total" in names


_SHORT = {np.uint16: "U16", np.float64: "F64", np.int64: "I64"}


def _require_ranges(row: Row, path: Path) -> None:
    """Raises DamagedFile for numbers that no measuring gives."""
    patches, measures = row.grid[0] * row.grid[1], row.measures
    if row.bins.shape[1] != patches or measures.shape[1] != len(MEASURES):
        raise damaged(path, KIND, f"expected {patches} patches and {len(MEASURES)} measures")
    if (row.bins >= BINS).any():
        raise damaged(path, KIND, f"tensor bins: expected values below {BINS}")
    shares = measures[:, [MASS, HIT, IOU]]
    known = np.isfinite(shares)
    if not np.isfinite(measures[:, [SCORE, PEAK]]).all() or np.isinf(shares).any():
        raise damaged(path, KIND, "tensor measures: expected finite numbers")
    if ((shares[known] < 0) | (shares[known] > 1)).any():
        raise damaged(path, KIND, "tensor measures: expected shares from 0 to 1")
    truth = row.truth
    if truth is None:
        return
    total, defect, regions = truth.total, truth.defect, truth.regions
    if total.shape != (patches,) or defect.shape != (patches,) or regions.shape[1] != 3:
        raise damaged(path, KIND, f"tensors total, defect and regions: expected {patches} patches")
    if (total < 0).any() or (defect < 0).any() or (defect > total).any():
        raise damaged(path, KIND, "tensor defect: expected 0 pixels to all of each patch")
    inside = (regions[:, 1] >= 0) & (regions[:, 1] < patches) & (regions[:, 2] > 0)
    if not inside.all() or (regions[:, 2] > total[regions[:, 1]]).any():
        raise damaged(path, KIND, "tensor regions: expected patches of the grid and their pixels")


def tensors_digest(tensors: Mapping[str, np.ndarray]) -> str:
    """sha256 of tensors with their names, types and shapes."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name])
        found.update(json.dumps([name, str(values.dtype), values.shape]).encode())
        found.update(values.data)
    return found.hexdigest()
