"""SOART by plain loops, one number at a time, after the specification of the method.

Nothing here comes from `vitmap`: it is the reference of the tests and the benchmark's other side.
"""

from __future__ import annotations

import math

EPS = 1e-4


def rounded(value: float, decimals: int) -> float:
    """As numpy and pandas round: shifted, to the nearest even whole number, and shifted back."""
    shift = 10.0**decimals
    return round(value * shift) / shift


def kernels_of(k: int) -> list[list[list[int]]]:
    """bend1, bend2, bend3, bend4, line1, line2, datum."""
    last, mid = k - 1, k // 2
    rules = [
        lambda r, c: r == 0 or c == last,
        lambda r, c: c == last or r == last,
        lambda r, c: c == 0 or r == last,
        lambda r, c: r == 0 or c == 0,
        lambda r, c: r + c == last,
        lambda r, c: r == c,
        lambda r, c: r == mid or c == mid,
    ]
    return [[[int(rule(r, c)) for c in range(k)] for r in range(k)] for rule in rules]


def small_channels(pixels, size: int, color: str, white: float) -> list[list[list[float]]]:
    """Shrunk by nearest neighbour, then gray (one channel) or red, green, blue (three)."""
    height, width = len(pixels), len(pixels[0])
    shrunk = [
        [[int(v) for v in pixels[i * height // size][j * width // size]] for j in range(size)]
        for i in range(size)
    ]
    if color == "gray":
        gray = [[(299 * r + 587 * g + 114 * b + 500) // 1000 for r, g, b in row] for row in shrunk]
        channels = [gray]
    else:
        channels = [[[pixel[ch] for pixel in row] for row in shrunk] for ch in range(3)]
    return [[[v * white / 255 for v in row] for row in channel] for channel in channels]


def total_under(mask, channel, top: int, left: int) -> float:
    """The sum of the pixels that a kernel keeps, row by row."""
    total = 0.0
    for r, line in enumerate(mask):
        for c, kept in enumerate(line):
            if kept:
                total += channel[top + r][left + c]
    return total


def vectors_of(channels, k: int, grid: tuple[int, int], color: str, decimals=None):
    """One vector a column: patch, channel, kernel; `rgb-split` has the channels outermost."""
    size = len(channels[0])
    across, masks = size // k, kernels_of(k)
    rows, columns = grid
    tall, wide = across // rows, across // columns
    groups = [[channel] for channel in channels] if color == "rgb-split" else [channels]
    found = []
    for group in groups:
        for gr in range(rows):
            for gc in range(columns):
                vector = []
                for pr in range(gr * tall, (gr + 1) * tall):
                    for pc in range(gc * wide, (gc + 1) * wide):
                        for channel in group:
                            for mask in masks:
                                total = total_under(mask, channel, pr * k, pc * k)
                                vector.append(
                                    total if decimals is None else rounded(total, decimals)
                                )
                found.append(vector)
    return found


def metrics_of(x: list[float], y: list[float], variant: str) -> list[float]:
    """Y1, Y2, Y3; Y1, Y2 for `rt`."""
    n = len(x)
    xx = sum(a * a for a in x)
    xy = sum(a * b for a, b in zip(x, y, strict=True))
    if variant == "rt":
        rest = sum(b * b for b in y) - xy * xy / xx
        return [xy / xx, math.sqrt(max(rest, 0) / (n - 1))]
    if not any(x) or not any(y):
        return [math.nan] * 3
    slope = (xy + EPS) / (xx + EPS)
    rest = [abs(b - slope * a) for a, b in zip(x, y, strict=True)]
    if variant == "mean-l2":
        y2 = math.log(sum(rest) / n + 1)
        return [math.log(slope), y2, 0.5 * math.log(sum(e * e for e in rest) / n + 1) - y2]
    y2 = math.log(sum(rest) + 1)
    return [math.log(slope), y2, math.log(max(rest) + 1) - y2]


def tables_of(standard, pictures, size=30, k=5, grid=(2, 2), color="gray", variant="mean-l2",
              white=255.0, decimals=None):  # fmt: skip
    """[metric][picture][column] from decoded pictures."""
    x = vectors_of(small_channels(standard, size, color, white), k, grid, color, decimals)
    rows = []
    for pixels in pictures:
        y = vectors_of(small_channels(pixels, size, color, white), k, grid, color, decimals)
        row = [metrics_of(a, b, variant) for a, b in zip(x, y, strict=True)]
        if decimals is not None:
            row = [[rounded(value, decimals) for value in column] for column in row]
        rows.append(row)
    count = len(rows[0][0])
    return [[[column[metric] for column in row] for row in rows] for metric in range(count)]


def exact_attention(learn, valid, order=(2, 0, 1)):
    """Section 4, from [metric][row][column]: att, adjusted, features and positions."""

    def scaled(table):
        values = [value for row in table for value in row]
        mean = sum(values) / len(values)
        return [[value / mean for value in row] for row in table]

    def times(a, b):  # a [n, c] times the transpose of b [m, c]
        return [[sum(x * y for x, y in zip(r, s, strict=True)) for s in b] for r in a]

    members = len(learn[0])
    weights_of = [scaled(learn[which]) for which in order]
    all_att, all_adjusted = [], []
    for table in valid:
        words = scaled(table)
        q, k, v = (times(words, weight) for weight in weights_of)
        att = []
        for row in times(q, k):
            row = [score / math.sqrt(members) for score in row]
            top = max(row)
            shares = [math.exp(score - top) for score in row]
            total = sum(shares)
            att.append(
                [
                    rounded(sum(s / total * line[j] for s, line in zip(shares, v, strict=True)), 5)
                    for j in range(members)
                ]
            )
        adjusted = [[0.0] * members for _ in att]
        for j in range(members):
            column = [row[j] for row in att]
            mean, span = sum(column) / len(column), max(column) - min(column)
            for i, value in enumerate(column):
                adjusted[i][j] = rounded((value - mean) / span, 4) if span else math.nan
        all_att.append(att)
        all_adjusted.append(adjusted)
    features, positions = [], []
    for i in range(len(valid[0])):
        feature, position = [], []
        for adjusted in all_adjusted:
            for pick in (max, min):
                value = pick(adjusted[i])
                feature.append(value)
                position.append(adjusted[i].index(value))
        features.append(feature)
        positions.append(position)
    return all_att, all_adjusted, features, positions


def patch_numbers(values, top: int, left: int, k: int) -> list[list[float]]:
    """Of one patch: (beta, eta, gamma) of each of the six kernels against the datum."""
    masks = kernels_of(k)
    answers = [[] for _ in masks]
    for r0 in (top, top + k):
        for c0 in (left, left + k):
            for index, mask in enumerate(masks):
                total = 0.0
                for r in range(k):
                    for c in range(k):
                        if mask[r][c]:
                            total += values[r0 + r][c0 + c]
                answers[index].append(total)
    found = []
    for y in answers[:6]:
        x = answers[6]
        slope = (sum(a * b for a, b in zip(x, y, strict=True)) + EPS) / (
            sum(a * a for a in x) + EPS
        )
        rest = [abs(b - slope * a) for a, b in zip(x, y, strict=True)]
        eta = math.log(sum(rest) + 1)
        found.append([math.log(slope), eta, math.log(max(rest) + 1) - eta])
    return found


def patch_anomaly(standard, measured, top, left, k=5, weights=(1, 2, 3)) -> list[float]:
    """Of one patch: the anomaly, and the distances in beta, eta and gamma (Minkowski, p = 4)."""
    a = patch_numbers(standard, top, left, k)
    b = patch_numbers(measured, top, left, k)
    families = [
        sum(abs(p[f] - q[f]) ** 4 for p, q in zip(a, b, strict=True)) ** 0.25 for f in range(3)
    ]
    return [sum(w * d for w, d in zip(weights, families, strict=True)), *families]
