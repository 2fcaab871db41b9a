"""Calibration of P99 and the bounds, and the scores on the test part beside persistence."""

import jax
import jax.numpy as jnp
import numpy as np

import network
import racks
from racks import AHEAD_S, BOUNDS_S, HORIZONS_S, Series
from traces import Trace

# 34 nodes of one job are nearly one meter: score a few of each file, not all.
NODES_PER_FILE_MAX = 4
COMPOSED = 80
RACK_OF_8_FILE = "64xSMC-H100-SXM-80GB__gpt3__5848-240517221859825376616_2_AC.csv.gz"
LEVEL = 0.99
_RUN = jax.jit(network.run)


def series_of(all_traces: list[Trace], part: str, seed: int) -> list[Series]:
    """Singles (warm: the whole trace runs, only the part counts), one rack of 8, composed racks (cold starts)."""
    out, seen = [], {}
    for trace in all_traces:
        seen[trace.file] = seen.get(trace.file, 0) + 1
        if seen[trace.file] <= NODES_PER_FILE_MAX:
            out.append(_whole(trace.name, _group(trace), trace.watts, trace.fresh, part))
    out.append(_rack_of_8(all_traces, part))
    sampler = racks.Sampler(all_traces, part, seed)
    for number in range(COMPOSED):
        watts, fresh = sampler.rack(600)
        out.append(Series(f"composed-{number}", "composed racks, cold start", watts, fresh))
    return [s for s in out if len(s.watts) - s.score_from > AHEAD_S]


def _group(trace: Trace) -> str:
    if trace.folder == "mlperf-training-v4.0-smc":
        return "training nodes 2 s, DC" if "_DC" in trace.file else "training nodes 2 s, AC"
    return "single servers 1 Hz"


def _whole(name: str, group: str, watts: np.ndarray, fresh: np.ndarray, part: str) -> Series:
    first, last = racks.part_range(len(watts), part)
    return Series(name, group, watts[:last], fresh[:last], first)


def _rack_of_8(all_traces: list[Trace], part: str) -> Series:
    nodes = [t for t in all_traces if t.file.endswith(RACK_OF_8_FILE)][:8]
    length = min(len(t.watts) for t in nodes)
    watts = np.sum([t.watts[:length] for t in nodes], axis=0, dtype=np.float32)
    fresh = np.all([t.fresh[:length] for t in nodes], axis=0)
    return _whole("rack of 8 training nodes (AC)", "rack of 8 (AC), aligned", watts, fresh, part)


def _run(weights, spread, series: list[Series]):
    """Forecasts of all series, each cut to its scored steps; one padded batch."""
    longest = max(len(s.watts) for s in series)
    x = np.zeros((longest, len(series)), np.float32)
    for column, one in enumerate(series):
        x[: len(one.watts), column] = one.watts / one.watts.max()
        x[len(one.watts) :, column] = x[len(one.watts) - 1, column]
    quantiles, bound, scale = map(np.asarray, _RUN(weights, spread, x))
    for column, one in enumerate(series):
        own = x[: len(one.watts), column : column + 1]
        y, peak, mask = racks.targets(own, one.fresh[:, None])
        keep = mask[:, 0].copy()
        keep[: one.score_from] = False
        at = np.flatnonzero(keep)
        if len(at):
            yield one, own[at, 0], y[at, 0], peak[at, 0], quantiles[at, column], bound[at, column], scale[at, column]


def held_out_loss(weights, series: list[Series]) -> float:
    """Mean pinball loss over series, as a share of each one's maximum: what picks the weights."""
    losses = []
    for _, _, y, peak, quantiles, bound, scale in _run(weights, jnp.ones(network.H + network.B), series):
        per_quantile = np.asarray(network.pinball(y[..., None] - quantiles, np.asarray(network.QUANTILES)))
        per_bound = np.asarray(network.pinball(peak - bound, LEVEL))
        losses.append(np.mean(per_quantile.mean((1, 2)) / scale) + 2.0 * np.mean(per_bound.mean(1) / scale))
    return float(np.mean(losses))


def calibrate(weights, all_traces: list[Trace], seed: int) -> jnp.ndarray:
    """Factors `[H + B]` on the last step to P99 and to each bound, from the calibration part (conformal).

    Every series weighs the same. A factor below 1 would trust the calibration part more than the training part, so
    none is taken.
    """
    ones = jnp.ones(network.H + network.B)
    series = series_of(all_traces, "calibration", seed)
    factors = np.ones(network.H + network.B, np.float32)
    # The bounds stand on the quantiles, so these are settled first, then the short bound, then the long one.
    for stage in (range(network.H), [network.H], [network.H + 1]):
        runs = list(_run(weights, jnp.asarray(factors), series))
        for index in stage:
            ratios = [_ratio(index, *run[2:6]) for run in runs]
            values = np.concatenate(ratios)
            parts = np.concatenate([np.full(len(r), 1.0 / len(r)) for r in ratios])
            factors[index] = max(1.0, _weighted_quantile(values, parts, LEVEL))
    print("conformal factors:", np.round(factors, 3))
    return jnp.asarray(factors) * ones


def _ratio(index: int, y, peak, quantiles, bound) -> np.ndarray:
    if index < network.H:
        base, top, truth = quantiles[:, index, 1], quantiles[:, index, 2], y[:, index]
    elif index == network.H:
        base, top, truth = quantiles[:, :3, 2].max(1), bound[:, 0], peak[:, 0]
    else:
        base, top, truth = np.maximum(bound[:, 0], quantiles[:, 3, 2]), bound[:, 1], peak[:, 1]
    return (truth - base) / np.maximum(top - base, 1e-6)


def _weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(np.searchsorted(total, level), len(values) - 1)])


def report(weights, spread, all_traces: list[Trace], seed: int) -> list[dict]:
    """Scores by group and horizon on the test part; percentages are of each series' maximum."""
    margins = persistence_margins(weights, spread, all_traces, seed)
    groups: dict[str, list] = {}
    for run in _run(weights, spread, series_of(all_traces, "test", seed)):
        groups.setdefault(run[0].group, []).append(run)
        groups.setdefault("all", []).append(run)
    out = []
    for group, runs in sorted(groups.items()):
        for index, horizon in enumerate(HORIZONS_S):
            out.append(_quantile_row(group, horizon, index, runs, margins))
        for index, horizon in enumerate(BOUNDS_S):
            out.append(_bound_row(group, horizon, index, runs, margins))
    for row in out:
        print(row)
    return out


def persistence_margins(weights, spread, all_traces: list[Trace], seed: int) -> dict:
    """What persistence must add to reach P90 and P99, as a share of the running maximum (from calibration)."""
    runs = list(_run(weights, spread, series_of(all_traces, "calibration", seed)))
    parts = np.concatenate([np.full(len(r[1]), 1.0 / len(r[1])) for r in runs])
    margins = {}
    for index, horizon in enumerate(HORIZONS_S):
        change = np.concatenate([(r[2][:, index] - r[1]) / r[6] for r in runs])
        margins[horizon] = [0.0] + [max(0.0, _weighted_quantile(change, parts, q)) for q in network.QUANTILES[1:]]
    for index, horizon in enumerate(BOUNDS_S):
        change = np.concatenate([(r[3][:, index] - r[1]) / r[6] for r in runs])
        margins["max", horizon] = max(0.0, _weighted_quantile(change, parts, LEVEL))
    return margins


def _mean(runs: list, value) -> float:
    # Every series weighs the same, however long it is.
    return float(np.mean([np.mean(value(*run)) for run in runs]))


def _quantile_row(group: str, horizon: int, i: int, runs: list, margins: dict) -> dict:
    row = {"group": group, "horizon_s": horizon, "series": len(runs)}
    for j, level in enumerate(network.QUANTILES):
        name, margin = f"p{round(level * 100)}", margins[horizon][j]
        row[f"pinball_{name}_pct"] = 100 * _mean(
            runs, lambda s, x, y, p, q, b, m: np.asarray(network.pinball(y[:, i] - q[:, i, j], level))
        )
        row[f"pinball_{name}_persistence_pct"] = 100 * _mean(
            runs, lambda s, x, y, p, q, b, m: np.asarray(network.pinball(y[:, i] - x - margin * m, level))
        )
    row["coverage_p99"] = _mean(runs, lambda s, x, y, p, q, b, m: y[:, i] <= q[:, i, 2] + 1e-6)
    row["coverage_p99_worst_tenth"] = _worst(runs, lambda s, x, y, p, q, b, m: y[:, i] <= q[:, i, 2] + 1e-6)
    model = [np.mean(np.abs(y[:, i] - q[:, i, 0])) / _naive(s) for s, x, y, p, q, b, m in runs]
    last = [np.mean(np.abs(y[:, i] - x)) / _naive(s) for s, x, y, p, q, b, m in runs]
    row["mase"], row["mase_persistence"] = float(np.mean(model)), float(np.mean(last))
    row["mase_median"], row["mase_persistence_median"] = float(np.median(model)), float(np.median(last))
    return _rounded(row)


def _bound_row(group: str, horizon: int, i: int, runs: list, margins: dict) -> dict:
    margin = margins["max", horizon]
    row = {"group": group, "bound_s": horizon, "series": len(runs)}
    row["coverage_bound"] = _mean(runs, lambda s, x, y, p, q, b, m: p[:, i] <= b[:, i] + 1e-6)
    row["coverage_bound_worst_tenth"] = _worst(runs, lambda s, x, y, p, q, b, m: p[:, i] <= b[:, i] + 1e-6)
    row["coverage_persistence"] = _mean(runs, lambda s, x, y, p, q, b, m: p[:, i] <= x + margin * m + 1e-6)
    row["excess_pct"] = 100 * _mean(runs, lambda s, x, y, p, q, b, m: np.maximum(b[:, i] - p[:, i], 0))
    row["excess_persistence_pct"] = 100 * _mean(runs, lambda s, x, y, p, q, b, m: np.maximum(x + margin * m - p[:, i], 0))
    row["pinball_pct"] = 100 * _mean(
        runs, lambda s, x, y, p, q, b, m: np.asarray(network.pinball(p[:, i] - b[:, i], LEVEL))
    )
    row["pinball_persistence_pct"] = 100 * _mean(
        runs, lambda s, x, y, p, q, b, m: np.asarray(network.pinball(p[:, i] - x - margin * m, LEVEL))
    )
    return _rounded(row)


def _worst(runs: list, value) -> float:
    return float(np.quantile([np.mean(value(*run)) for run in runs], 0.1))


def _naive(one: Series) -> float:
    """Scale of MASE: the mean change from one second to the next in what the model may have seen before."""
    before = one.watts[: one.score_from] if one.score_from else one.watts
    return max(float(np.mean(np.abs(np.diff(before)))) / float(one.watts.max()), 1e-5)


def _rounded(row: dict) -> dict:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}
