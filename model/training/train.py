"""Trains the forecast and writes everything that the crate commits. One command: `python3 train.py`."""

import argparse
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

# One thread: the scan has small steps, and handing them to a pool costs more than they do.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np

import export
import network
import racks
import score
import traces

SEED = 20260801
STEPS, BATCH, UPDATES = 416, 64, 36_000
# Processes that draw windows, and how many each may be ahead. Drawing 64 takes as long as several updates on a GPU.
DRAWERS, AHEAD_MAX = 4, 4
RATE, RATE_END, CLIP, DECAY = 2.5e-3, 2e-5, 0.5, 0.005
CHECKS = 20


@partial(jax.jit, donate_argnums=(0, 1))
def update(weights, moments, number, rate, batch):
    """One step of Adam with a clipped gradient and decoupled weight decay."""
    value, grads = jax.value_and_grad(network.loss)(weights, *batch)
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
    grads = jax.tree.map(lambda g: g * jnp.minimum(1.0, CLIP / (norm + 1e-12)), grads)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads)
    second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, moments[1], grads)
    a, b = 1.0 - 0.9**number, 1.0 - 0.99**number
    weights = jax.tree.map(lambda w, m, v: w - rate * ((m / a) / (jnp.sqrt(v / b) + 1e-8) + DECAY * w), weights, first, second)
    return weights, (first, second), value


def _draw(all_traces: list[traces.Trace], seed: int, size: int, batches) -> None:
    sampler = racks.Sampler(all_traces, "train", seed)
    while True:
        batches.put(sampler.batch(size, STEPS))


def drawn(all_traces: list[traces.Trace], size: int) -> Iterator[tuple]:
    """Windows to learn from, by processes that take turns: the same seed gives the same batches in the same order."""
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(AHEAD_MAX) for _ in range(DRAWERS)]
    for number, batches in enumerate(queues):
        context.Process(target=_draw, args=(all_traces, SEED + number, size, batches), daemon=True).start()
    for batches in itertools.cycle(queues):
        yield batches.get()


def train(all_traces: list[traces.Trace], updates: int, size: int, weights: dict, out: Path):
    """The running average of the weights at its best on the calibration part."""
    held_out = score.series_of(all_traces)
    moments = (jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights))
    average, best, recent, began = jax.tree.map(jnp.copy, weights), None, [], time.monotonic()
    for number, batch in zip(range(1, updates + 1), drawn(all_traces, size)):
        rate = RATE_END + 0.5 * (RATE - RATE_END) * (1.0 + np.cos(np.pi * number / updates))
        rate *= min(1.0, number / 100)
        weights, moments, value = update(weights, moments, jnp.float32(number), rate, batch)
        average = jax.tree.map(lambda a, w: 0.99 * a + 0.01 * w, average, weights)
        recent.append(value)
        if number % max(1, updates // CHECKS) == 0 or number == updates:
            check, parts = score.held_out(average, held_out, "calibration")
            elapsed, lost = time.monotonic() - began, np.mean([float(value) for value in recent])
            recent.clear()
            print(f"update {number}: loss {lost:.4f}, held out {check:.4f}, {elapsed:.0f} s; {parts}", flush=True)
            if best is None or check < best[0]:
                best = (check, average)
                save(average, out)
    return best[1]


def save(weights: dict, out: Path) -> None:
    """Kept as training goes, so that an interrupted run leaves its best."""
    np.savez(out / "weights.npz", **{key: np.asarray(value) for key, value in weights.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root / "data")
    parser.add_argument("--out", type=Path, default=root / "model")
    parser.add_argument("--updates", type=int, default=UPDATES)
    parser.add_argument("--batch", type=int, default=BATCH, help="windows in an update")
    parser.add_argument("--start", type=Path, help="weights.npz to go on from, as for retraining on a site's own records")
    parser.add_argument("--without", help="leave out the folder of this name (to judge the method on data never seen)")
    arguments = parser.parse_args()
    all_traces, hashes = traces.load_all(arguments.data)
    if arguments.without:
        all_traces = [trace for trace in all_traces if trace.folder != arguments.without]
        hashes = {file: digest for file, digest in hashes.items() if f"/{arguments.without}/" not in file}
    print(f"{len(all_traces)} series from {len(hashes)} files")
    weights = network.init(SEED)
    if arguments.start:
        weights = {key: jnp.asarray(value) for key, value in np.load(arguments.start).items()}
    if arguments.updates:
        weights = train(all_traces, arguments.updates, arguments.batch, weights, arguments.out)
    else:
        save(weights, arguments.out)
    spread = score.calibrate(weights, score.series_of(all_traces))
    export.write_all(arguments.out, weights, np.asarray(spread), hashes, all_traces, SEED, arguments.updates)


if __name__ == "__main__":
    main()
