"""Reads the recorded power traces and puts them on a grid of one second.

Every trace is held at its last value between samples (zero-order hold): most of the training-cluster traces were
recorded every 2 s, and interpolation would add information that nobody measured.
"""

import csv
import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

# A value held for longer than this is a telemetry fault (the recordings have drop-outs of 20 s): the trace keeps it,
# since the controller would see the same, but no forecast is scored against it.
HELD_S_MAX = 4.0


@dataclass(frozen=True)
class Trace:
    """One meter: `watts` once per second, `fresh` where a real sample stands behind the value."""

    name: str
    folder: str
    file: str
    watts: np.ndarray
    fresh: np.ndarray


def load_all(data_dir: Path) -> tuple[list[Trace], dict[str, str]]:
    """All power traces of the manifest, and the sha256 of each file. Refuses a file whose hash differs."""
    traces: list[Trace] = []
    hashes: dict[str, str] = {}
    with open(data_dir / "MANIFEST.csv", newline="") as manifest:
        rows = sorted(csv.DictReader(manifest), key=lambda row: row["file"])
    for row in rows:
        raw = (data_dir / row["file"]).read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        if digest != row["sha256"]:
            raise SystemExit(f"{row['file']}: sha256 is {digest}, MANIFEST.csv says {row['sha256']}")
        hashes[row["file"]] = digest
        traces += _parse(row["file"], gzip.decompress(raw).decode())
    return traces, hashes


def _parse(file: str, text: str) -> list[Trace]:
    folder = file.split("/")[1]
    series = _parse_analyser(text) if file.endswith(".spl.txt.gz") else _parse_csv(text)
    out = []
    for name, samples in series.items():
        times, watts = np.array(sorted(samples), dtype=np.float64).T
        grid_watts, fresh = _hold(times, watts)
        out.append(Trace(f"{Path(file).name}#{name}", folder, file, grid_watts, fresh))
    return out


def _parse_analyser(text: str) -> dict[str, list[tuple[float, float]]]:
    samples = []
    for line in text.splitlines():
        cells = line.split(",")
        if len(cells) < 4:
            continue
        watts = float(cells[3])
        # The analyser writes 0 or -1 where it could not read: a fault of the meter, no power of zero.
        if watts > 0.0:
            samples.append((datetime.strptime(cells[1], "%m-%d-%Y %H:%M:%S.%f").timestamp(), watts))
    return {"wall": samples}


def _parse_csv(text: str) -> dict[str, list[tuple[float, float]]]:
    series: dict[str, list[tuple[float, float]]] = {}
    for row in csv.DictReader(text.splitlines()):
        series.setdefault(row["series"], []).append((int(row["time_ms"]) / 1000.0, float(row["watts"])))
    return series


def _hold(times: np.ndarray, watts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The grid starts half a second late, so that a jitter of some milliseconds never skips a sample of 1 Hz data and
    # no value is ever seen before it was measured.
    grid = np.arange(times[0] + 0.5, times[-1] + 1.0, 1.0)
    newest = np.searchsorted(times, grid, side="right") - 1
    return watts[newest].astype(np.float32), (grid - times[newest]) <= HELD_S_MAX
