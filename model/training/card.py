"""Writes the scores of `forecast.json` into the README, between its two markers."""

import json
from pathlib import Path

BEGIN, END = "<!-- scores: written by card.py -->", "<!-- end of scores -->"


def write(model_dir: Path) -> None:
    """Replaces the tables in `training/README.md` under `model_dir` by those of `forecast.json` there."""
    scores = json.loads((model_dir / "forecast.json").read_text())["scores"]
    readme = model_dir / "training" / "README.md"
    if not readme.exists():
        return
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n\n{_quantiles(scores)}\n{_bounds(scores)}\n{END}{after}")


def _quantiles(scores: list[dict]) -> str:
    lines = [
        "| group (series) | h, s | pinball P50 | P90 | P99 | P99 coverage, % (worst tenth) | MASE | median MASE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in (row for row in scores if "horizon_s" in row):
        pinballs = " | ".join(
            f"{row[f'pinball_{q}_pct']:.3f} / {row[f'pinball_{q}_persistence_pct']:.3f}" for q in ("p50", "p90", "p99")
        )
        cover = f"{100 * row['coverage_p99']:.1f} ({100 * row['coverage_p99_worst_tenth']:.1f})"
        mase = f"{row['mase']:.2f} / {row['mase_persistence']:.2f}"
        median = f"{row['mase_median']:.2f} / {row['mase_persistence_median']:.2f}"
        lines.append(f"| {row['group']} ({row['series']}) | {row['horizon_s']} | {pinballs} | {cover} | {mase} | {median} |")
    return "\n".join(lines) + "\n"


def _bounds(scores: list[dict]) -> str:
    lines = [
        "| group | bound over, s | coverage, % (worst tenth) | mean excess, % of maximum | pinball |",
        "|---|---|---|---|---|",
    ]
    for row in (row for row in scores if "bound_s" in row):
        cover = f"{100 * row['coverage_bound']:.1f} ({100 * row['coverage_bound_worst_tenth']:.1f})"
        cover += f" / {100 * row['coverage_persistence']:.1f}"
        excess = f"{row['excess_pct']:.1f} / {row['excess_persistence_pct']:.1f}"
        pinball = f"{row['pinball_pct']:.3f} / {row['pinball_persistence_pct']:.3f}"
        lines.append(f"| {row['group']} | {row['bound_s']} | {cover} | {excess} | {pinball} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[1])
