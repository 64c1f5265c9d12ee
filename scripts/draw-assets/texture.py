"""Random surfaces. All of them wrap around, so they can be sampled anywhere."""

import numpy as np
from pixels import FloatArray, Plane
from scipy.ndimage import map_coordinates


def rough(
    height: int, width: int, rng: np.random.Generator, *, slope: float, stretch: float = 1.0
) -> Plane:
    """Noise of mean 0 and deviation 1 whose amplitude falls as frequency to the `-slope`.

    0.3 is grit, 1 is a stained surface, 1.8 is clouds. `stretch` draws it out along x: 1 is the
    same in both directions, 40 is wood grain.
    """
    down = np.fft.fftfreq(height)[:, None]
    across = np.fft.rfftfreq(width)[None, :] * stretch
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf  # no constant part
    noise = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=(height, width))) / frequency**slope, s=(height, width)
    )
    return (noise / noise.std()).astype(np.float32)


def brushed(height: int, width: int, rng: np.random.Generator, *, length: float) -> Plane:
    """Noise of mean 0 and deviation 1 in thin streaks along x, `length` samples long."""
    across = np.fft.rfftfreq(width)
    # A Lorentzian leaves streaks of many lengths, as an abrasive belt does.
    streaks = np.fft.rfft(rng.normal(size=(height, width))) / (1 + (across * length * 3) ** 2)
    noise = np.fft.irfft(streaks, n=width)
    return (noise / noise.std()).astype(np.float32)


def sample(texture: Plane, x: FloatArray, y: FloatArray) -> FloatArray:
    """The texture at x, y (in its own samples), between samples by bilinear weights."""
    return map_coordinates(texture, np.stack([y, x]), order=1, mode="grid-wrap")
