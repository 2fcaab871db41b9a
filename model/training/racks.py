"""Windows to learn from: single servers, and racks composed of several recordings.

The components are real, the aggregate is composed: a rack is the sum of 2 to 8 recordings, either aligned (nodes of
one job, which rise and fall together) or with random offsets and scales (independent tenants).
"""

from dataclasses import dataclass

import numpy as np

from traces import Trace

HORIZONS_S = (1, 5, 10, 30)
BOUNDS_S = (10, 30)
AHEAD_S = max(*HORIZONS_S, *BOUNDS_S)
# Recordings begin about a minute before their job, where a real rack stays as it is for hours. Without racks on which
# nothing happens, the network holds a steady rack for one about to start, and its bounds lie 60 % too high.
STEADY_SHARE = 0.3
TRAIN_END, CALIBRATION_END = 0.6, 0.8


@dataclass(frozen=True)
class Series:
    """Demand of one rack: `watts` and `fresh` once per second; scores count from `score_from` on."""

    name: str
    group: str
    watts: np.ndarray
    fresh: np.ndarray
    score_from: int = 0


def cut(trace: Trace, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The part of a trace in time: `train` (first 60 %), `calibration` (next 20 %) or `test` (last 20 %)."""
    first, last = part_range(len(trace.watts), part)
    return trace.watts[first:last], trace.fresh[first:last]


def part_range(length: int, part: str) -> tuple[int, int]:
    train, calibration = int(length * TRAIN_END), int(length * CALIBRATION_END)
    return {"train": (0, train), "calibration": (train, calibration), "test": (calibration, length)}[part]


class Sampler:
    """Draws racks from one part of the traces; the same seed draws the same racks."""

    def __init__(self, traces: list[Trace], part: str, seed: int, augment: bool = False):
        self.augment = augment
        self.rng = np.random.default_rng(seed)
        by_file: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for trace in traces:
            by_file.setdefault(trace.file, []).append(cut(trace, part))
        self.files = list(by_file.values())
        # Long recordings hold more, but 34 nodes of one job are nearly one meter: weigh files by the root of length.
        weights = np.array([np.sqrt(len(nodes[0][0])) for nodes in self.files])
        self.weights = weights / weights.sum()

    def rack(self, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        """Watts and freshness of one rack, at most `length_max` seconds."""
        if self.augment and self.rng.random() < STEADY_SHARE:
            return self._steady(length_max)
        kind = self.rng.choice(3, p=(0.4, 0.3, 0.3))
        parts = self._aligned(length_max) if kind == 1 else self._independent(1 if kind == 0 else None, length_max)
        length = min(len(watts) for watts, _ in parts)
        watts = np.sum([watts[:length] for watts, _ in parts], axis=0, dtype=np.float32)
        fresh = np.all([fresh[:length] for _, fresh in parts], axis=0)
        if self.augment:
            watts, fresh = self._varied(watts, fresh, length_max)
        if self.rng.random() < 0.25:
            # Switches, fans and storage: a constant load below the servers.
            watts = watts + np.float32(self.rng.uniform(0.0, 0.6) * watts.max())
        return watts, fresh

    def _varied(self, watts: np.ndarray, fresh: np.ndarray, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        # The first 60 % of a recording hold the job's start and seldom its end, so a network learns that power rises.
        # Played backwards as often as forwards, and with pauses of any length, only what is in the signal is left.
        if self.rng.random() < 0.5:
            watts, fresh = watts[::-1], fresh[::-1]
        room = length_max - len(watts)
        if room > 0 and self.rng.random() < 0.7:
            before = int(self.rng.integers(0, room + 1))
            after = room - before
            watts = np.concatenate([self._idle(watts, 0, before), watts, self._idle(watts, -1, after)])
            fresh = np.pad(fresh, (before, after), constant_values=True)
        elif self.rng.random() < 0.3:
            watts, fresh = self._paused(watts, fresh)
        return watts, fresh

    def _steady(self, length_max: int) -> tuple[np.ndarray, np.ndarray]:
        noise = np.float32(10.0 ** self.rng.uniform(-4.0, -2.0) * (self.rng.random() < 0.8))
        watts = 1000.0 * (1.0 + noise * self.rng.normal(size=length_max)).astype(np.float32)
        return watts.astype(np.float32), np.ones(length_max, bool)

    def _idle(self, watts: np.ndarray, at: int, seconds: int) -> np.ndarray:
        noise = self.rng.normal(0.0, 0.002, seconds).astype(np.float32)
        return watts[at] * (1.0 + noise)

    def _paused(self, watts: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at, seconds = int(self.rng.integers(1, len(watts))), int(self.rng.integers(5, 120))
        watts = np.concatenate([watts[:at], self._idle(watts, at - 1, seconds), watts[at:]])
        fresh = np.concatenate([fresh[:at], np.full(seconds, fresh[at - 1]), fresh[at:]])
        return watts[: len(watts) - seconds], fresh[: len(fresh) - seconds]

    def _file(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self.files[self.rng.choice(len(self.files), p=self.weights)]

    def _aligned(self, length_max: int) -> list[tuple[np.ndarray, np.ndarray]]:
        nodes = self._file()
        count = min(len(nodes), int(self.rng.integers(2, 9)))
        chosen = self.rng.choice(len(nodes), size=count, replace=False)
        shortest = min(len(nodes[i][0]) for i in chosen)
        start = self._start(shortest, length_max)
        return [(nodes[i][0][start : start + length_max], nodes[i][1][start : start + length_max]) for i in chosen]

    def _independent(self, count: int | None, length_max: int) -> list[tuple[np.ndarray, np.ndarray]]:
        count = count or int(self.rng.integers(2, 9))
        parts = []
        for _ in range(count):
            nodes = self._file()
            watts, fresh = nodes[self.rng.integers(len(nodes))]
            start = self._start(len(watts), length_max)
            scale = np.float32(self.rng.uniform(0.5, 1.5)) if count > 1 else np.float32(1.0)
            parts.append((watts[start : start + length_max] * scale, fresh[start : start + length_max]))
        return parts

    def _start(self, length: int, length_max: int) -> int:
        # A start at any offset makes every window a cold start: the model must be useful after few samples. Were short
        # recordings always taken from their beginning, a cold start would come to mean the start of a job.
        last = length - AHEAD_S - 15 if self.augment and self.rng.random() < 0.6 else length - length_max
        return int(self.rng.integers(0, max(1, last + 1)))


def batch(sampler: Sampler, size: int, steps: int) -> tuple[np.ndarray, ...]:
    """`x [T, N]` (power/limit), `y [T, N, H]`, `peak [T, N, B]` and the mask `[T, N]` of steps that may be scored."""
    x = np.zeros((steps + AHEAD_S, size), np.float32)
    good = np.zeros((steps + AHEAD_S, size), bool)
    for column in range(size):
        watts, fresh = sampler.rack(steps + AHEAD_S)
        limit = sampler.rng.uniform(0.6, 1.6) * watts.max()
        x[: len(watts), column] = watts / limit
        x[len(watts) :, column] = x[len(watts) - 1, column]
        good[: len(watts), column] = fresh
    y, peak, mask = targets(x, good)
    return x[:steps], y, peak, mask


def targets(x: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Future values and future maxima of `x [T + AHEAD_S, N]`, for the first T steps."""
    steps = len(x) - AHEAD_S
    y = np.stack([x[h : h + steps] for h in HORIZONS_S], axis=-1)
    peak = np.stack([_future_max(x, steps, b) for b in BOUNDS_S], axis=-1)
    seen = np.cumsum(np.vstack([np.zeros((1, good.shape[1]), int), ~good]), axis=0)
    mask = (seen[1 + AHEAD_S :] - seen[:steps]) == 0
    return y, peak, mask


def _future_max(x: np.ndarray, steps: int, ahead: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x[1:], ahead, axis=0)
    return windows[:steps].max(axis=-1)
