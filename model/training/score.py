"""Which series a model is judged by, its loss on a part of them, and the calibration of P99 and the bounds."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

import network
import racks
from racks import AHEAD, part_range
from traces import Trace

# Nodes that make a rack where a file has the nodes of one cluster.
RACK_NODES = 8
LEVEL = 0.99
_RUN = jax.jit(network.run)


@dataclass(frozen=True)
class Series:
    """Demand of one rack or server: `watts` and `fresh` once per sample."""

    group: str
    watts: np.ndarray
    fresh: np.ndarray


def series_of(all_traces: list[Trace]) -> list[Series]:
    """Every meter by itself, and where a file has eight nodes or more, racks of eight in the order of the file."""
    by_file: dict[str, list[Trace]] = {}
    for trace in all_traces:
        by_file.setdefault(trace.file, []).append(trace)
    out = []
    for traces in by_file.values():
        out += [Series(group_of(trace, ""), trace.watts, trace.fresh) for trace in traces]
        for first in range(0, len(traces) - RACK_NODES + 1, RACK_NODES):
            out.append(_rack(traces[first : first + RACK_NODES]))
    return out


def group_of(trace: Trace, prefix: str) -> str:
    side = next((f" {side}" for side in ("AC", "DC") if f"_{side}.csv" in trace.file), "")
    size = "long " if len(trace.watts) > racks.LONG_SAMPLES and trace.period_s > 1 else ""
    return f"{prefix}{size}{trace.folder}{side}"


def _rack(traces: list[Trace]) -> Series:
    length = min(len(trace.watts) for trace in traces)
    watts = np.sum([trace.watts[:length] for trace in traces], axis=0, dtype=np.float32)
    fresh = np.all([trace.fresh[:length] for trace in traces], axis=0)
    return Series(group_of(traces[0], f"rack of {RACK_NODES}: "), watts, fresh)


def run(weights, spread, series: list[Series], part: str):
    """Forecasts of all series, each from its first sample on, cut to its steps of `part`."""
    longest = max(len(one.watts) for one in series)
    x = np.zeros((longest, len(series)), np.float32)
    for column, one in enumerate(series):
        x[: len(one.watts), column] = one.watts / one.watts.max()
        x[len(one.watts) :, column] = x[len(one.watts) - 1, column]
    quantiles, maxima, scale = map(np.asarray, _RUN(weights, spread, x))
    for column, one in enumerate(series):
        first, last = part_range(len(one.watts), part)
        if last - first <= AHEAD + 1:
            continue
        own = x[:last, column : column + 1]
        y, peak, mask = racks.targets(own, one.fresh[:last, None])
        at = np.flatnonzero(mask[:, 0] & (np.arange(len(mask)) >= first))
        if len(at):
            moved = max(float(np.abs(np.diff(own[:first, 0])).mean()), 1e-5)
            yield one, own[at, 0], y[at, 0], peak[at, 0], quantiles[at, column], maxima[at, column], moved


def held_out(weights, series: list[Series], part: str) -> tuple[float, dict]:
    """Mean loss over groups, as in training; and for each group the medians' MASE at each horizon."""
    losses, errors = {}, {}
    for one, x, y, peak, quantiles, maxima, moved in run(weights, jnp.ones(network.H + network.B), series, part):
        value = np.asarray(network.losses(y, peak, quantiles, maxima)).mean()
        losses.setdefault(one.group, []).append(value / (moved + 0.02))
        ratio = np.abs(y - quantiles[..., 0]).mean(0) / np.maximum(np.abs(y - x[:, None]).mean(0), 1e-6)
        mase = np.abs(y - quantiles[..., 0]).mean(0) / moved if "long" in one.group else ratio
        errors.setdefault(one.group, []).append(mase)
    parts = {group: np.median(values, axis=0).round(3).tolist() for group, values in errors.items()}
    return float(np.mean([np.mean(values) for values in losses.values()])), parts


def calibrate(weights, series: list[Series]) -> jnp.ndarray:
    """Factors `[H + B]` on the last step to P99 and to each bound, from the calibration part (conformal).

    Every series weighs the same. A factor below 1 would trust the calibration part more than the training part, so
    none is taken.
    """
    factors = np.ones(network.H + network.B, np.float32)
    # The bounds stand on the quantiles and on each other, so these are settled first.
    for stage in (range(network.H), *([network.H + b] for b in range(network.B))):
        runs = list(run(weights, jnp.asarray(factors), series, "calibration"))
        for index in stage:
            ratios = [_ratio(index, *one[2:6]) for one in runs]
            parts = np.concatenate([np.full(len(ratio), 1.0 / len(ratio)) for ratio in ratios])
            factors[index] = max(1.0, weighted_quantile(np.concatenate(ratios), parts, LEVEL))
    print("conformal factors:", np.round(factors, 3))
    return jnp.asarray(factors)


def _ratio(index: int, y, peak, quantiles, maxima) -> np.ndarray:
    """How far the truth lies on the way from what a step stands on to where it leads."""
    if index < network.H:
        base, top, truth = quantiles[:, index, 1], quantiles[:, index, 2], y[:, index]
    else:
        b = index - network.H
        below = quantiles[:, 0, 2] if b == 0 else maxima[:, b - 1, 2]
        horizon = racks.HORIZONS.index(racks.BOUNDS[b])
        base = np.maximum(np.maximum(below, quantiles[:, horizon, 2]), maxima[:, b, 1])
        top, truth = maxima[:, b, 2], peak[:, b]
    return (truth - base) / np.maximum(top - base, 1e-6)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(np.searchsorted(total, level), len(values) - 1)])
