"""Reads what a site's own replicas recorded: the folder that `ridectl telemetry export` makes.

Only the power of racks and servers is taken; what a series says twice (several replicas hear the same meter) counts once.
"""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet

import racks
import traces

COLUMNS = ["time", "kind", "name", "signal", "source", "value"]
# Replicas record once a second.
PERIOD_S = 1
# Silence of this length ends a series: what lies beyond it is another series, and nothing is held across it.
GAP_S_MAX = 60.0
# A fifth of a stretch calibrates, and must be longer than the farthest horizon; with less there is nothing to judge by.
STRETCH_SAMPLES_MIN = 5 * (racks.AHEAD + 3)


def load(folder: Path) -> list["traces.Trace"]:
    """Power of every rack and server below a folder of `part-*.parquet`, one trace for each stretch without a long gap."""
    series: dict[tuple[str, str, str], dict[int, float]] = {}
    for path in files(folder):
        # `partitioning=None`: the time column says it all.
        table = pyarrow.parquet.read_table(
            path, columns=COLUMNS, filters=[("signal", "=", "power")], partitioning=None
        )
        columns = [table[name].to_pylist() for name in COLUMNS if name not in ("time", "signal")]
        times = table["time"].cast("int64").to_pylist()
        for time_ms, kind, name, source, value in zip(times, *columns, strict=True):
            # The first replica's word stands for the second; clocks of replicas differ by less.
            series.setdefault((kind, name, source), {}).setdefault(time_ms // 1000, value)
    out: list[traces.Trace] = []
    for (kind, name, source), samples in sorted(series.items()):
        out += _stretches(folder, f"{kind}-{name}-{source}", samples)
    if not out:
        raise SystemExit(f"{folder}: no power for {STRETCH_SAMPLES_MIN} s without a silence of {GAP_S_MAX:.0f} s: record for longer")
    return out


def files(folder: Path) -> list[Path]:
    """The Parquet files below a folder, in order."""
    return sorted(folder.rglob("*.parquet"))


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of each of them, by its name below the folder."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}


def _stretches(folder: Path, name: str, samples: dict[int, float]) -> list["traces.Trace"]:
    times, watts = np.array(sorted(samples.items()), dtype=np.float64).T
    cuts = np.flatnonzero(np.diff(times) > GAP_S_MAX) + 1
    out = []
    for nth, (at, of) in enumerate(zip(np.split(times, cuts), np.split(watts, cuts), strict=True)):
        if at[-1] - at[0] >= STRETCH_SAMPLES_MIN * PERIOD_S:
            grid_watts, fresh = traces.hold(at, of, PERIOD_S)
            out.append(traces.Trace(f"{name}#{nth}", folder.name, f"{name}#{nth}", PERIOD_S, grid_watts, fresh))
    return out
