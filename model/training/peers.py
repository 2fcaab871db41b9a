"""What the forecast is compared with: every peer learns from the first 60 % of the same series, sets its margins on the
next 20 %, and is judged on the last 20 %.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np

from network import QUANTILES
from racks import part_range

LAGS, RECENT = 64, 60
EWMA_TAU = 6.0
RIDGE = 1.0
TOP = QUANTILES[-1]


@dataclass(frozen=True)
class Shown:
    """One series as a peer sees it, in parts of its highest power of the train part."""

    x: np.ndarray
    fresh: np.ndarray
    seen: np.ndarray

    @property
    def length(self) -> int:
        return len(self.x)


@dataclass
class Said:
    """Forecasts of one series at one horizon, for each origin: medians, P90, P99, bound on the maximum, surge score."""

    p50: np.ndarray
    p90: np.ndarray
    p99: np.ndarray
    bound: np.ndarray
    surge: np.ndarray


def shown(watts: np.ndarray, fresh: np.ndarray) -> Shown:
    """A series with the lags that regressions see, `seen [T, LAGS + 1]`."""
    x = (watts / watts[: part_range(len(watts), "train")[1]].max()).astype(np.float64)
    padded = np.concatenate([np.full(LAGS - 1, x[0]), x])
    lags = np.lib.stride_tricks.sliding_window_view(padded, LAGS)[:, ::-1]
    return Shown(x, fresh, np.column_stack([lags, lags.mean(1)]))


def value_at(x: np.ndarray, h: int) -> np.ndarray:
    """Power `h` samples after each origin; NaN where the series has ended."""
    return np.concatenate([x[h:], np.full(h, np.nan)])


def maximum_over(x: np.ndarray, h: int) -> np.ndarray:
    """Highest power in the next `h` samples after each origin."""
    out = np.full(len(x), np.nan)
    if len(x) > h:
        out[: len(x) - h] = np.lib.stride_tricks.sliding_window_view(x[1:], h).max(1)
    return out


def origins(one: Shown, part: str, h: int) -> np.ndarray:
    """Origins whose whole span lies in the part."""
    first, last = part_range(one.length, part)
    return np.arange(first, max(first, last - h))


def _upper(truth: np.ndarray, base: np.ndarray, level: float) -> float:
    """The margin that has the stated coverage on the calibration part."""
    difference = np.sort((truth - base)[np.isfinite(truth - base)])
    if not len(difference):
        return 0.0
    return float(difference[min(int(np.ceil(level * (len(difference) + 1))) - 1, len(difference) - 1)])


def _with_margins(all_series: list[Shown], h: int, centre, peak) -> list[Said]:
    """Medians from `centre`, everything above by margins of each series' own calibration part."""
    out = []
    for index, one in enumerate(all_series):
        middle, high = centre(index, one), peak(index, one)
        at = origins(one, "calibration", h)
        truth, highest = value_at(one.x, h)[at], maximum_over(one.x, h)[at]
        p90, p99 = (middle + _upper(truth, middle[at], level) for level in QUANTILES[1:])
        bound = high + _upper(highest, high[at], TOP)
        out.append(Said(middle, p90, np.maximum(p99, p90), bound, high - one.x))
    return out


def persistence(all_series: list[Shown], h: int) -> list[Said]:
    return _with_margins(all_series, h, lambda _, one: one.x, lambda _, one: one.x)


def ewma(all_series: list[Shown], h: int) -> list[Said]:
    def smoothed(_, one: Shown) -> np.ndarray:
        out, level = np.empty(one.length), one.x[0]
        for at, value in enumerate(one.x):
            level += (value - level) / EWMA_TAU
            out[at] = level
        return out

    return _with_margins(all_series, h, smoothed, smoothed)


def recent_maximum(all_series: list[Shown], h: int) -> list[Said]:
    highest = lambda _, one: one.seen[:, :RECENT].max(1)
    return _with_margins(all_series, h, lambda _, one: one.x, highest)


def _pooled(all_series: list[Shown], part: str, h: int, truth, rng=None, rows_max: int = 0):
    """Rows of all series, as changes from the present value."""
    seen, change = [], []
    for one in all_series:
        at = origins(one, part, h)
        seen.append(one.seen[at])
        change.append((truth(one.x, h) - one.x)[at])
    seen, change = np.concatenate(seen), np.concatenate(change)
    if rng is not None and len(change) > rows_max:
        chosen = rng.choice(len(change), rows_max, replace=False)
        seen, change = seen[chosen], change[chosen]
    return seen, change


def ridge(all_series: list[Shown], h: int) -> list[Said]:
    def fitted(truth):
        seen, change = _pooled(all_series, "train", h, truth)
        mean = seen.mean(0)
        centred = seen - mean
        weights = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(seen.shape[1]), centred.T @ (change - change.mean()))
        return lambda one: one.x + change.mean() + (one.seen - mean) @ weights

    value, maximum = fitted(value_at), fitted(maximum_over)
    return _with_margins(all_series, h, lambda _, one: value(one), lambda _, one: maximum(one))


class Boosted:
    """LightGBM quantile regressions on 64 lags, raw and with conformal margins."""

    def __init__(self, rows_max: int, trees: int, seed: int):
        self.rows_max, self.trees, self.rng = rows_max, trees, np.random.default_rng(seed)

    def __call__(self, all_series: list[Shown], h: int) -> dict[str, list[Said]]:
        values = [self._fit(all_series, h, value_at, level) for level in QUANTILES]
        middle_peak, top_peak = (self._fit(all_series, h, maximum_over, level) for level in (0.5, TOP))
        raw, conformal = [], []
        margins = [self._margin(all_series, h, value_at, predict, level) for predict, level in zip(values, QUANTILES)]
        peak_margin = self._margin(all_series, h, maximum_over, top_peak, TOP)
        for one in all_series:
            p50, p90, p99 = (predict(one) for predict in values)
            bound, surge = top_peak(one), middle_peak(one) - one.x
            raw.append(Said(p50, p90, p99, bound, surge))
            conformal.append(Said(p50, p90 + margins[1], p99 + margins[2], bound + peak_margin, surge))
        return {"lightgbm": raw, "lightgbm_conformal": conformal}

    def _fit(self, all_series, h, truth, level):
        seen, change = _pooled(all_series, "train", h, truth, self.rng, self.rows_max)
        settings = {
            "objective": "quantile", "alpha": level, "num_leaves": 31, "learning_rate": 0.05,
            "min_data_in_leaf": 20, "num_threads": 1, "verbose": -1, "seed": 1,
        }
        model = lightgbm.train(settings, lightgbm.Dataset(seen, change), num_boost_round=self.trees)
        return lambda one: one.x + model.predict(one.seen)

    def _margin(self, all_series, h, truth, predict, level) -> float:
        at = [origins(one, "calibration", h) for one in all_series]
        truths = np.concatenate([truth(one.x, h)[a] for one, a in zip(all_series, at)])
        return _upper(truths, np.concatenate([predict(one)[a] for one, a in zip(all_series, at)]), level)
