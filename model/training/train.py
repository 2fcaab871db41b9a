"""Trains the forecast and writes everything that the crate commits. One command: `python3 train.py`."""

import argparse
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import card
import export
import network
import racks
import score
import traces

SEED = 20260801
STEPS, BATCH, UPDATES = 224, 96, 2000
RATE, RATE_END, CLIP, DECAY = 3e-3, 1e-4, 1.0, 0.02
CHECK_EVERY = 200


@partial(jax.jit, donate_argnums=(0, 1))
def update(weights, moments, number, rate, batch):
    """One step of Adam with a clipped gradient and decoupled weight decay."""
    key = jax.random.fold_in(jax.random.PRNGKey(SEED), number.astype(int))
    value, grads = jax.value_and_grad(network.loss)(weights, *batch, key)
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
    grads = jax.tree.map(lambda g: g * jnp.minimum(1.0, CLIP / (norm + 1e-12)), grads)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads)
    second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, moments[1], grads)
    a, b = 1.0 - 0.9**number, 1.0 - 0.99**number
    weights = jax.tree.map(lambda w, m, v: w - rate * ((m / a) / (jnp.sqrt(v / b) + 1e-8) + DECAY * w), weights, first, second)
    return weights, (first, second), value


def train(all_traces: list[traces.Trace], updates: int):
    """The running average of the weights at its best on the calibration part."""
    sampler = racks.Sampler(all_traces, "train", SEED, augment=True)
    held_out = score.series_of(all_traces, "calibration", SEED + 1)
    weights = network.init(SEED)
    moments = (jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights))
    average, best, recent, began = jax.tree.map(jnp.copy, weights), None, [], time.monotonic()
    for number in range(1, updates + 1):
        rate = RATE_END + 0.5 * (RATE - RATE_END) * (1.0 + np.cos(np.pi * number / updates))
        rate *= min(1.0, number / 50)
        batch = racks.batch(sampler, BATCH, STEPS)
        weights, moments, value = update(weights, moments, jnp.float32(number), rate, batch)
        average = jax.tree.map(lambda a, w: 0.985 * a + 0.015 * w, average, weights)
        recent.append(float(value))
        if number % CHECK_EVERY == 0 or number == updates:
            check = score.held_out_loss(average, held_out)
            elapsed = time.monotonic() - began
            print(f"update {number}: loss {np.mean(recent[-100:]):.5f}, held out {check:.5f}, {elapsed:.0f} s", flush=True)
            if best is None or check < best[0]:
                best = (check, average)
    return best[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root / "data")
    parser.add_argument("--out", type=Path, default=root / "model")
    parser.add_argument("--updates", type=int, default=UPDATES)
    arguments = parser.parse_args()
    all_traces, hashes = traces.load_all(arguments.data)
    print(f"{len(all_traces)} series from {len(hashes)} files")
    weights = train(all_traces, arguments.updates)
    spread = score.calibrate(weights, all_traces, SEED + 1)
    scores = score.report(weights, spread, all_traces, SEED + 2)
    export.write_all(arguments.out, weights, spread, scores, hashes, all_traces, SEED, arguments.updates)
    card.write(arguments.out)


if __name__ == "__main__":
    main()
