"""`cargo bench-forecast`: the shipped engine beside its peers, on the same splits of the same series in one run."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import peers
import score
import traces
from peers import Said, Shown
from racks import HORIZONS

SEED = 7
# A rise of so much of the highest power seen in training, within the horizon.
SURGE = 0.1
PER_HORIZON = 6
FULL = {"rows_max": 24_000, "trees": 300}
QUICK = {"rows_max": 2_000, "trees": 30}
NAMES = {
    "rack of 8: long mlperf-training-v4.0-smc AC": "T1 rack of 8 training nodes (AC, 2 s)",
    "rack of 8: long mlperf-training-v4.0-smc DC": "T1d rack of 8 training nodes (DC, 2 s)",
    "long mlperf-training-v4.0-smc DC": "T2 training node (DC, 2 s)",
    "long mlperf-training-v4.0-smc AC": "T2a training node (AC, 2 s)",
}


def groups_of(all_traces: list[traces.Trace], quick: bool) -> dict[str, list[score.Series]]:
    """Series by what they are; all single servers of 1 Hz once more together."""
    groups: dict[str, list[score.Series]] = {}
    for one in score.series_of(all_traces):
        groups.setdefault(NAMES.get(one.group, one.group), []).append(one)
    single = [t for t in all_traces if t.period_s == 1]
    pooled = [one for one in score.series_of(single) if not one.group.startswith("rack of")]
    if len({one.group for one in pooled}) > 1:
        groups["single servers (1 Hz), pooled"] = pooled
    if quick:
        first = next(iter(sorted(groups)))
        return {first: groups[first][:4]}
    return groups


def ours(replay: Path, model: Path, series: list[score.Series]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What the engine says of each series: `[T, H, 6]` in watts, and whether it answered by the model `[T]`."""
    longest = max(len(one.watts) for one in series)
    table = np.full((longest, len(series)), np.nan, "<f4")
    for column, one in enumerate(series):
        table[: len(one.watts), column] = one.watts
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "series"), Path(folder, "forecasts")
        source.write_bytes(np.uint32(len(series)).astype("<u4").tobytes() + table.tobytes())
        subprocess.run([replay, model, source, target], check=True)
        said = np.fromfile(target, "<f4").reshape(longest, len(series), len(HORIZONS) * PER_HORIZON + 1)
    by_series = [said[: len(one.watts), column] for column, one in enumerate(series)]
    forecasts = [rows[:, :-1].reshape(len(rows), len(HORIZONS), PER_HORIZON) for rows in by_series]
    return forecasts, [rows[:, -1] > 0.5 for rows in by_series]


def ours_at(forecasts: list[np.ndarray], all_series: list[Shown], series: list[score.Series], index: int) -> list[Said]:
    out = []
    for said, shown, one in zip(forecasts, all_series, series):
        said = said / (one.watts[0] / shown.x[0])
        p50, p90, p99, peak_p50, _, bound = (said[:, index, part] for part in range(PER_HORIZON))
        out.append(Said(p50, p90, p99, bound, peak_p50 - shown.x))
    return out


def judged(all_series: list[Shown], said: list[Said], h: int) -> dict[str, float]:
    """Scores over all test origins of a group; every series weighs by its length, errors by its own naive change."""
    sums: dict[str, list[np.ndarray]] = {}
    threshold = _threshold(all_series, said, h)
    hits = wrong = missed = 0
    for one, say in zip(all_series, said):
        at = peers.origins(one, "test", h)
        at = at[one.fresh[at]]
        truth, highest = peers.value_at(one.x, h)[at], peers.maximum_over(one.x, h)[at]
        first, last = peers.part_range(one.length, "train")
        naive = max(float(np.abs(np.diff(one.x[first:last])).mean()), 1e-5)
        pinball = lambda q, level: np.maximum(level * (truth - q), (level - 1) * (truth - q))
        rows = {
            "mase": np.abs(truth - say.p50[at]) / naive,
            "pinball50": pinball(say.p50[at], 0.5),
            "pinball90": pinball(say.p90[at], 0.9),
            "pinball99": pinball(say.p99[at], 0.99),
            "coverage99": truth <= say.p99[at] + 1e-9,
            "max_bound_coverage": highest <= say.bound[at] + 1e-9,
            "max_bound_headroom": np.maximum(say.bound[at] - highest, 0.0),
        }
        for key, values in rows.items():
            sums.setdefault(key, []).append(np.asarray(values, float))
        surge, called = highest - one.x[at] >= SURGE, say.surge[at] >= threshold
        hits, wrong, missed = hits + (surge & called).sum(), wrong + (called & ~surge).sum(), missed + (surge & ~called).sum()
    out = {key: round(float(np.mean(np.concatenate(values))), 6) for key, values in sums.items()}
    out["surge_f1"] = round(float(2 * hits / max(2 * hits + wrong + missed, 1)), 4)
    out["surges"] = int(hits + missed)
    return out


def _threshold(all_series: list[Shown], said: list[Said], h: int) -> float:
    """The call that has the best F1 on the calibration part, for each model alike."""
    scores, truths = [], []
    for one, say in zip(all_series, said):
        at = peers.origins(one, "calibration", h)
        scores.append(say.surge[at])
        truths.append(peers.maximum_over(one.x, h)[at] - one.x[at] >= SURGE)
    scores, truths = np.concatenate(scores), np.concatenate(truths)
    best = (-1.0, SURGE)
    for threshold in np.linspace(0.0, 0.3, 61):
        called = scores >= threshold
        f1 = 2 * (called & truths).sum() / max(called.sum() + truths.sum(), 1)
        best = max(best, (float(f1), float(threshold)))
    return best[1]


def table(result: dict) -> str:
    lines = []
    for trace, horizons in result.items():
        lines.append(f"\n{trace}")
        for horizon, models in horizons.items():
            lines.append(f"  h={horizon:>3} {'MASE':>8} {'pin50':>8} {'pin90':>8} {'pin99':>8} {'cov99':>7} {'bound':>7} {'headroom':>8} {'F1':>6}")
            for name, s in models.items():
                lines.append(
                    f"  {name:<22}{s['mase']:7.3f} {100 * s['pinball50']:8.4f} {100 * s['pinball90']:8.4f} {100 * s['pinball99']:8.4f} "
                    f"{100 * s['coverage99']:7.2f} {100 * s['max_bound_coverage']:7.2f} {100 * s['max_bound_headroom']:8.3f} {s['surge_f1']:6.3f}"
                )
    return "\n".join(lines)


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=root / "data" / "power")
    parser.add_argument("--model", type=Path, default=root / "model")
    parser.add_argument("--replay", type=Path, required=True, help="the built example `replay` of ridethrough-model")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.add_argument("--quick", action="store_true", help="a few series and small peers: shows that it runs, no more")
    parser.add_argument("--only", default="", help="traces whose name contains this")
    arguments = parser.parse_args()
    all_traces, _ = traces.load_all(arguments.data)
    if not all_traces:
        raise SystemExit(f"{arguments.data}: no recordings (.csv[.gz] with series,time_ms,watts, or .spl.txt[.gz])")
    boosted = peers.Boosted(seed=SEED, **(QUICK if arguments.quick else FULL))
    result: dict[str, dict] = {}
    for name, series in sorted(groups_of(all_traces, arguments.quick).items()):
        if arguments.only not in name:
            continue
        print(f"{name}: {len(series)} series", file=sys.stderr, flush=True)
        all_series = [peers.shown(one.watts, one.fresh) for one in series]
        forecasts, _ = ours(arguments.replay, arguments.model, series)
        for index, h in enumerate(HORIZONS):
            if not any(len(peers.origins(one, "test", h)) for one in all_series):
                continue
            said = {
                "ours": ours_at(forecasts, all_series, series, index),
                "persistence": peers.persistence(all_series, h),
                "ewma": peers.ewma(all_series, h),
                "ridge_ar64": peers.ridge(all_series, h),
                "max60": peers.recent_maximum(all_series, h),
                **boosted(all_series, h),
            }
            result.setdefault(name, {})[str(h)] = {model: judged(all_series, one, h) for model, one in said.items()}
    print(json.dumps(result, indent=1) if arguments.output == "json" else table(result))


if __name__ == "__main__":
    main()
