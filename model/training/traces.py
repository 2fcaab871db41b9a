"""Reads recorded power and puts each series on a grid of its own sample period.

Values are held between samples, never interpolated: interpolation would add information that nobody measured.
"""

import csv
import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

# A value held for longer than this is a telemetry fault (the recordings have drop-outs of 20 s): the series keeps it,
# since the controller would see the same, but no forecast is scored against it.
HELD_S_MAX = 4.0
# Shorter series have no window to learn from and none to be judged by.
SAMPLES_MIN = 60


@dataclass(frozen=True)
class Trace:
    """One meter: `watts` once per `period_s`, `fresh` where a real sample stands behind the value."""

    name: str
    folder: str
    file: str
    period_s: int
    watts: np.ndarray
    fresh: np.ndarray


def load_all(data_dir: Path) -> tuple[list[Trace], dict[str, str]]:
    """All power series below a folder, and the sha256 of each file.

    A file is a recording when its name ends in `.csv.gz`, `.csv` (columns `series,time_ms,watts`) or `.spl.txt.gz`,
    `.spl.txt` (log of a power analyser). What a site recorded itself (`ridectl telemetry export`) ends in `.parquet`.
    Where the folder has a `MANIFEST.csv`, a file that differs from it is refused.
    """
    traces: list[Trace] = []
    hashes: dict[str, str] = {}
    pinned = _pinned(data_dir)
    for path in sorted(data_dir.rglob("*")):
        if not path.name.removesuffix(".gz").endswith((".csv", ".spl.txt")) or path.name == "MANIFEST.csv":
            continue
        name = path.relative_to(data_dir).as_posix()
        raw = path.read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        if digest != pinned.get(name, digest):
            raise SystemExit(f"{name}: sha256 is {digest}, MANIFEST.csv says {pinned[name]}")
        parsed = _parse(name, (gzip.decompress(raw) if path.name.endswith(".gz") else raw).decode())
        if parsed:
            hashes[name] = digest
            traces += parsed
    if any(data_dir.rglob("*.parquet")):
        # Not at the top: it imports this module, and only who has such files needs pyarrow.
        import site_records

        traces += site_records.load(data_dir)
        hashes |= site_records.hashes(data_dir)
    return traces, hashes


def _pinned(data_dir: Path) -> dict[str, str]:
    manifest = data_dir / "MANIFEST.csv"
    if not manifest.exists():
        return {}
    with open(manifest, newline="") as rows:
        return {row["file"]: row["sha256"] for row in csv.DictReader(rows)}


def _parse(file: str, text: str) -> list[Trace]:
    path = Path(file)
    series = _parse_analyser(text) if ".spl.txt" in path.name else _parse_csv(text)
    out = []
    for name, samples in series.items():
        if len(samples) >= SAMPLES_MIN:
            times, watts = np.array(sorted(samples), dtype=np.float64).T
            period_s = max(1, round(float(np.median(np.diff(times)))))
            grid_watts, fresh = hold(times, watts, period_s)
            out.append(Trace(f"{path.name}#{name}", path.parent.name, file, period_s, grid_watts, fresh))
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
    rows = csv.DictReader(text.splitlines())
    series: dict[str, list[tuple[float, float]]] = {}
    # Other tables lie beside the recordings (requests to a service, say): they hold no power.
    if {"series", "time_ms", "watts"} <= set(rows.fieldnames or ()):
        for row in rows:
            series.setdefault(row["series"], []).append((int(row["time_ms"]) / 1000.0, float(row["watts"])))
    return series


def hold(times: np.ndarray, watts: np.ndarray, period_s: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples at these times (seconds, rising) on a grid of `period_s`, and where a real one stands behind the value."""
    # The grid starts half a period late, so that a jitter of some milliseconds never skips a sample and no value is
    # ever seen before it was measured.
    grid = np.arange(times[0] + 0.5 * period_s, times[-1] + period_s, period_s)
    newest = np.searchsorted(times, grid, side="right") - 1
    return watts[newest].astype(np.float32), (grid - times[newest]) <= HELD_S_MAX
