"""How a model does on a source that it was never trained on: `train.py --without FOLDER --out DIR`, then this.

Every step of every series of the folder is judged, since none was learned from; coverage only ten minutes after each
series has begun, when the online calibration has seen something.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import bench
import peers
import traces
from racks import HORIZONS

CALIBRATED_S = 600
# Drift must be seen when more of the last sixty samples were above P99 than these, twenty times what it allows. Only the
# next samples are watched: what was said of them is settled soon enough to tell within a minute.
WINDOW, MISSES_MAX, WATCHED_MAX = 60, 11, 5
SEEN_S_MAX = 60


def judged(all_series: list[peers.Shown], said: list[peers.Said], index: int, periods: list[int]) -> dict[str, float]:
    """Pinball at P50 beside persistence (each series weighs by its length, in parts of its highest power), and P99's coverage."""
    h = HORIZONS[index]
    ours, naive, covered = [], [], []
    for one, say, period_s in zip(all_series, said, periods):
        at = np.flatnonzero(one.fresh[: one.length - h] & np.isfinite(say.p50[: one.length - h]))
        truth = peers.value_at(one.x, h)[at]
        ours.append(np.abs(truth - say.p50[at]) / 2)
        naive.append(np.abs(truth - one.x[at]) / 2)
        late = at * period_s >= CALIBRATED_S
        covered.append(truth[late] <= say.p99[at][late] + 1e-9)
    ours, naive, covered = map(np.concatenate, (ours, naive, covered))
    return {
        "pinball50": round(float(ours.mean()), 6),
        "pinball50_persistence": round(float(naive.mean()), 6),
        "coverage99": round(float(covered.mean()), 4) if len(covered) else None,
        "steps": len(ours),
        "steps_calibrated": len(covered),
    }


def drifts(all_series: list[peers.Shown], said: list[peers.Said], by_model: list[np.ndarray], index: int, periods: list[int]):
    """Times at which P99 had been missed so often that drift must be seen, and at how many of them the rule spoke in time."""
    h, must, seen = HORIZONS[index], 0, 0
    for one, say, model, period_s in zip(all_series, said, by_model, periods):
        missed = np.zeros(one.length, int)
        missed[h:] = one.x[h:] > say.p99[: one.length - h] + 1e-9
        recent = np.convolve(missed, np.ones(WINDOW, int))[: one.length]
        begins = np.flatnonzero((recent > MISSES_MAX) & np.concatenate([[True], recent[:-1] <= MISSES_MAX]))
        for at in begins:
            must += 1
            seen += bool((~model[at : at + SEEN_S_MAX // period_s + 1]).any())
    return must, seen


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=root / "data" / "power")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--folder", required=True, help="the folder that the model was trained without")
    parser.add_argument("--replay", type=Path, required=True, help="the built example `replay` of ridethrough-model")
    arguments = parser.parse_args()
    all_traces = [trace for trace in traces.load_all(arguments.data)[0] if trace.folder == arguments.folder]
    if not all_traces:
        raise SystemExit(f"{arguments.folder}: no recordings in {arguments.data}")
    result = {}
    for period_s in sorted({trace.period_s for trace in all_traces}):
        groups = bench.groups_of([trace for trace in all_traces if trace.period_s == period_s], False)
        for name, series in sorted(groups.items()):
            all_series = [peers.shown(one.watts, one.fresh) for one in series]
            forecasts, by_model = bench.ours(arguments.replay, arguments.model, series)
            periods = [period_s] * len(series)
            rows = result.setdefault(f"{name} ({period_s} s)", {"series": len(series)})
            for index, h in enumerate(HORIZONS):
                if not any(one.fresh[:-h].any() for one in all_series):
                    continue
                said = bench.ours_at(forecasts, all_series, series, index)
                rows[h] = judged(all_series, said, index, periods)
                if h > WATCHED_MAX:
                    continue
                rows[h]["drifts"], rows[h]["drifts_seen"] = drifts(all_series, said, by_model, index, periods)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
