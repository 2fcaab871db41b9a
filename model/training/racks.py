"""Windows to learn from: single servers, and racks composed of several recordings.

The components are real, the aggregate is composed: a rack is the sum of 2 to 8 recordings, either aligned (nodes of
one job, which rise and fall together) or with random offsets and scales (independent tenants).
"""

import numpy as np

from traces import Trace

# In samples, not seconds: the model steps once per sample, whatever its period.
HORIZONS = (1, 5, 10, 30, 60)
BOUNDS = (5, 10, 30, 60)
AHEAD = max(*HORIZONS, *BOUNDS)
TRAIN_END, CALIBRATION_END = 0.6, 0.8

# Shares of the windows. A long job's nodes repeat a pattern that can be learned; the others teach what cannot be.
STEADY_SHARE, LONG_SHARE = 0.05, 0.78
LONG_SAMPLES = 800
SINGLE_SHARE, ALIGNED_SHARE = 0.5, 0.35
# Independent servers of a rack, and of a row, which has a forecast of its own: at least, and less than.
RACK_SERVERS, ROW_SERVERS, ROW_SHARE = (2, 9), (9, 49), 0.4
BACKWARDS_SHARE, DOUBLED_SHARE, PAUSED_SHARE = 0.3, 0.1, 0.15


def part_range(length: int, part: str) -> tuple[int, int]:
    """`train` (first 60 %), `calibration` (next 20 %) or `test` (last 20 %) of a series of this length."""
    train, calibration = int(length * TRAIN_END), int(length * CALIBRATION_END)
    return {"train": (0, train), "calibration": (train, calibration), "test": (calibration, length)}[part]


class Sampler:
    """Draws racks from one part of the traces; the same seed draws the same racks."""

    def __init__(self, traces: list[Trace], part: str, seed: int):
        self.rng = np.random.default_rng(seed)
        by_file: dict[str, list] = {}
        for trace in traces:
            first, last = part_range(len(trace.watts), part)
            by_file.setdefault(trace.file, []).append((trace.watts[first:last], trace.fresh[first:last]))
        files = list(by_file.values())
        is_long = lambda nodes: len(nodes) > 1 and len(nodes[0][0]) > LONG_SAMPLES
        self.long = [nodes for nodes in files if is_long(nodes)]
        self.short = [nodes for nodes in files if not is_long(nodes)]

    def batch(self, size: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`x [T, N]`, `y [T, N, H]`, `peak [T, N, B]` and the mask `[T, N]` of steps that may be scored."""
        x = np.zeros((steps + AHEAD, size), np.float32)
        good = np.zeros((steps + AHEAD, size), bool)
        for column in range(size):
            watts, fresh = self.rack(steps + AHEAD)
            limit = self.rng.uniform(0.6, 1.6) * watts.max()
            x[: len(watts), column] = watts / limit
            x[len(watts) :, column] = x[len(watts) - 1, column]
            good[: len(watts), column] = fresh
        y, peak, mask = targets(x, good)
        return x[:steps], y, peak, mask

    def rack(self, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        """Watts and freshness of one rack, at most `length_max` samples."""
        if self.rng.random() < STEADY_SHARE:
            return self._steady(length_max)
        long = self.long and (not self.short or self.rng.random() < LONG_SHARE)
        nodes = self._pick(self.long if long else self.short)
        kind = self.rng.random()
        if kind < SINGLE_SHARE:
            watts, fresh = self._one(nodes, length_max)
        elif kind < SINGLE_SHARE + ALIGNED_SHARE and len(nodes) > 1:
            watts, fresh = self._aligned(nodes, length_max)
        else:
            watts, fresh = self._independent(self.long if long else self.short, length_max)
        return self._disturbed(watts, fresh, long)

    def _disturbed(self, watts, fresh, long) -> tuple[np.ndarray, np.ndarray]:
        draw = self.rng.random(3)
        if not long and draw[0] < BACKWARDS_SHARE:
            watts, fresh = watts[::-1], fresh[::-1]
        if draw[1] < DOUBLED_SHARE:
            # A slow meter read at a fast period repeats its values.
            watts, fresh = np.repeat(watts, 2)[: len(watts)], np.repeat(fresh, 2)[: len(fresh)]
        if not long and draw[2] < PAUSED_SHARE:
            watts, fresh = self._paused(watts, fresh)
        if self.rng.random() < 0.25:
            watts = watts + np.float32(self.rng.uniform(0.0, 1.0) * watts.max())
        return watts, fresh

    def _steady(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        noise = self.rng.normal(0.0, self.rng.uniform(0.0, 0.01), length)
        return (self.rng.uniform(0.2, 1.0) * (1.0 + noise)).astype(np.float32), np.ones(length, bool)

    def _paused(self, watts, fresh) -> tuple[np.ndarray, np.ndarray]:
        at, samples = int(self.rng.integers(1, len(watts))), int(self.rng.integers(5, 120))
        noise = self.rng.normal(0.0, 0.002, samples).astype(np.float32)
        idle = watts[at - 1] * (1.0 + noise)
        watts = np.concatenate([watts[:at], idle, watts[at:]])[: len(watts)]
        return watts, np.concatenate([fresh[:at], np.full(samples, fresh[at - 1]), fresh[at:]])[: len(fresh)]

    def _pick(self, items: list):
        return items[self.rng.integers(len(items))]

    def _window(self, length: int, length_max: int) -> slice:
        start = int(self.rng.integers(0, max(1, length - min(length_max, length // 2) + 1)))
        return slice(start, start + length_max)

    def _one(self, nodes: list, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        watts, fresh = self._pick(nodes)
        at = self._window(len(watts), length_max)
        return watts[at], fresh[at]

    def _aligned(self, nodes: list, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        count = min(len(nodes), int(self.rng.integers(*RACK_SERVERS)))
        chosen = [nodes[i] for i in self.rng.choice(len(nodes), size=count, replace=False)]
        at = self._window(min(len(watts) for watts, _ in chosen), length_max)
        return _sum([(watts[at], fresh[at]) for watts, fresh in chosen])

    def _independent(self, files: list, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        of_row = self.rng.random() < ROW_SHARE
        parts = []
        for _ in range(int(self.rng.integers(*(ROW_SERVERS if of_row else RACK_SERVERS)))):
            nodes = self._pick(files)
            watts, fresh = self._round(nodes, length_max) if of_row else self._one(nodes, length_max)
            parts.append((watts * np.float32(self.rng.uniform(0.5, 1.5)), fresh))
        return _sum(parts)

    def _round(self, nodes: list, length: int) -> tuple[np.ndarray, np.ndarray]:
        """One recording from anywhere in it, again from its start where it ends: of many, the shortest would end first."""
        watts, fresh = self._pick(nodes)
        start = int(self.rng.integers(len(watts)))
        return np.resize(np.roll(watts, -start), length), np.resize(np.roll(fresh, -start), length)


def _sum(parts: list) -> tuple[np.ndarray, np.ndarray]:
    length = min(len(watts) for watts, _ in parts)
    watts = np.sum([watts[:length] for watts, _ in parts], axis=0, dtype=np.float32)
    return watts, np.all([fresh[:length] for _, fresh in parts], axis=0)


def targets(x: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Future values and future maxima of `x [T + AHEAD, N]`, for the first T steps."""
    steps = len(x) - AHEAD
    y = np.stack([x[h : h + steps] for h in HORIZONS], axis=-1)
    peak = np.stack([_future_max(x, steps, b) for b in BOUNDS], axis=-1)
    seen = np.cumsum(np.vstack([np.zeros((1, good.shape[1]), int), ~good]), axis=0)
    mask = (seen[1 + AHEAD :] - seen[:steps]) == 0
    return y, peak, mask


def _future_max(x: np.ndarray, steps: int, ahead: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x[1:], ahead, axis=0)
    return windows[:steps].max(axis=-1)
