"""From linear light at several samples a pixel to an 8-bit picture, as a camera would."""

import numpy as np
from einops import rearrange, reduce
from PIL import Image
from pixels import Mask, Picture, Plane
from scipy.ndimage import gaussian_filter

OVERSAMPLE = 2  # samples a pixel, in each direction


def pixel_grid(width: int, height: int, oversample: int = OVERSAMPLE) -> tuple[Plane, Plane]:
    """x and y of every sample, in picture pixels from the centre; y points down."""
    x = (np.arange(width * oversample, dtype=np.float32) + 0.5) / oversample - width / 2
    y = (np.arange(height * oversample, dtype=np.float32) + 0.5) / oversample - height / 2
    across, down = np.meshgrid(x, y)
    return across.astype(np.float32), down.astype(np.float32)


def pixel_mean(samples: Picture) -> Picture:
    """Average the samples of each pixel: in linear light, so that edges keep their weight."""
    return reduce(samples, "(y i) (x j) c -> y x c", "mean", i=OVERSAMPLE, j=OVERSAMPLE)


def expose(
    light: Picture,
    rng: np.random.Generator,
    *,
    exposure: float = 1.0,
    grain: float = 0.8,
    vignette: float = 0.25,
    softness: float = 0.45,
) -> Image.Image:
    """Lens, tone curve and sensor, from one linear value a pixel to 8 bits.

    `grain` is the sensor noise in 8-bit levels, `vignette` the light lost in the corners and
    `softness` the lens blur in pixels. Grain is most of a PNG's size: 0.8 keeps it small.
    """
    height, width, _ = light.shape
    x, y = pixel_grid(width, height, 1)
    corner = (x / (width / 2)) ** 2 + (y / (height / 2)) ** 2
    light = gaussian_filter(light, (softness, softness, 0))
    light = light * (exposure * (1 - vignette * corner / 2))[..., None]
    levels = 255 * encode(film(light))
    # Most of a sensor's noise is common to the channels after demosaicing; a little is not.
    shared = rng.normal(0, grain, (height, width, 1))
    own = rng.normal(0, 0.35 * grain, levels.shape)
    return Image.fromarray(np.clip(levels + shared + own + 0.5, 0, 255).astype(np.uint8))


def film(light: Picture) -> Picture:
    """Narkowicz's fit of the ACES curve: highlights roll off instead of clipping."""
    light = 0.8 * light
    return np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)


def encode(light: Picture) -> Picture:
    """Linear light to sRGB, both 0..1 (IEC 61966-2-1)."""
    return np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def mask_picture(mask: Mask) -> Image.Image:
    """255 where at least half of a pixel's samples are in the mask, else 0."""
    share = pixel_mean(rearrange(mask, "y x -> y x 1").astype(np.float32))
    return Image.fromarray(np.where(share[..., 0] >= 0.5, 255, 0).astype(np.uint8))
