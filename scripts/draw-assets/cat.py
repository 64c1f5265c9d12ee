"""A photograph of a cat, for comparison: Chelsea, by Stefan van der Walt, CC0."""

from PIL import Image


def cat() -> Image.Image:
    """Chelsea as scikit-image ships her; she needs `pip install scikit-image`, no download."""
    from skimage.data import chelsea

    return Image.fromarray(chelsea())
