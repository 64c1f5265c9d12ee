"""The errors, and the exit code that the command line gives each.

VitmapError
├── UsageError            2  an option that cannot be: a layer, a threshold, a scale
│   └── MissingExtra         an option whose library is not installed
├── InputError            3  an input that failed; the others of the run go on
│   ├── PictureError         a file that is missing or is no picture
│   ├── DamagedFile          a file of vitmap's own that is not what vitmap wrote
│   ├── UnsafeName           a name from a file that leads out of its folder
│   ├── NotFinite            a score that is no number
│   └── OutputError          a place that cannot be written
│       └── FolderInUse      another vitmap writes there
└── ModelError            4  a model that cannot be had, or cannot be read exactly
    ├── ModelUnavailable     not here, and the hub is out of reach or does not have it
    ├── UnsupportedModel     no plain ViT, or weights are missing
    └── CaptureError         the attention call was not seen, or its counts do not fit

A message says what was given, what was expected, and what to do.
"""

from __future__ import annotations


class VitmapError(Exception):
    """Anything that vitmap refuses to do, in one clear line."""

    exit_code = 1


class UsageError(VitmapError):
    """Something was asked for that cannot be."""

    exit_code = 2


class MissingExtra(UsageError):
    """The option needs a library that is not installed."""


class InputError(VitmapError):
    """One input failed; it says nothing about the others."""

    exit_code = 3


class PictureError(InputError):
    """A file that is missing or is no picture."""


class DamagedFile(InputError):
    """A file of vitmap's own that is not what vitmap wrote."""


class UnsafeName(InputError):
    """A name that was read from a file leads out of the folder it belongs to."""


class NotFinite(InputError):
    """A score is no number, so nothing can be judged by it."""


class OutputError(InputError):
    """A place that cannot be written."""


class FolderInUse(OutputError):
    """Another vitmap writes into the folder."""


class ModelError(VitmapError):
    """No exact map can come from this model."""

    exit_code = 4


class ModelUnavailable(ModelError):
    """The model is not on this machine and could not be fetched."""


class UnsupportedModel(ModelError):
    """The checkpoint is no plain ViT, or lacks weights."""


class CaptureError(ModelError):
    """The attention call was not seen, or what was seen does not fit."""


# What is missing → the extra that brings it.
_OPTIONAL = {
    **dict.fromkeys(("torch", "torchvision", "transformers", "huggingface_hub", "tqdm"), "models"),
    "timm": "timm",
}


def require_models(error: ModuleNotFoundError) -> Exception:
    """The error to raise for a missing library: what to install where it is an optional one."""
    missing = (error.name or "").partition(".")[0]
    if missing not in _OPTIONAL:
        return error
    kind = "a model of timm" if missing == "timm" else "a model"
    return ModelUnavailable(
        f"Running {kind} needs {missing}, which is not installed: "
        f"pip install 'vitmap[{_OPTIONAL[missing]}]'. Saved maps can be read and drawn without it."
    )


def require_extra(error: ModuleNotFoundError, what: str, instead: str) -> MissingExtra:
    """The error for a library of the `soart` extra: what to install, or to do without it."""
    module = (error.name or "").partition(".")[0]
    library = {"sklearn": "scikit-learn"}.get(module, module)
    return MissingExtra(
        f"{what} needs {library}, which is not installed: pip install 'vitmap[soart]'; {instead}."
    )
