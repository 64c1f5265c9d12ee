"""Maps and labels in numbers: what the terminal's table and run.json say of them."""

from __future__ import annotations

from typing import Any

from vitmap.maps.maps import PatchMap, Prediction
from vitmap.maps.method_maps import Map


def describe(cell: PatchMap, threshold: float) -> dict[str, Any]:
    """One map in numbers: what the terminal's table and run.json say of it."""
    row, column = cell.peak
    return {
        "map": cell.label,
        "layers": list(cell.layers),
        "heads": list(cell.heads),
        "prefix_mass": round(float(cell.prefix.sum()), 6),
        "entropy_bits": round(cell.entropy, 4),
        "peak_times_uniform": round(float(cell.uniform.max()), 4),
        "peak_at_xy": list(cell.view.center(row, column)),
        "mask_area": round(float(cell.keep_mass(threshold).mean()), 6),
        "alarms": [
            {"kind": alarm.kind, "share": round(alarm.share, 6), "limit": round(alarm.limit, 6)}
            for alarm in cell.alarms
        ],
    }


def describe_map(cell: Map) -> dict[str, Any]:
    """The same for a map of another method: there is no mass to speak of."""
    row, column = cell.peak
    return {
        "map": cell.label,
        "layers": list(cell.key.layers),
        "heads": list(cell.key.heads),
        "unit": cell.unit,
        "peak": round(float(cell.values.max()), 6),
        "peak_at_xy": list(cell.view.center(row, column)),
        "mean": round(float(cell.values.mean()), 6),
    }


def describe_prediction(prediction: Prediction) -> dict[str, Any]:
    """Labels with probabilities, and what the classifier saw."""
    return {
        "model": prediction.model,
        "size_yx": list(prediction.size),
        "same_forward_as_maps": prediction.shared,
        "labels": [{"label": name, "probability": round(p, 6)} for name, p in prediction.labels],
    }
