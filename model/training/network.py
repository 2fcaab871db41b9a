"""The network: one stateful step of an LSTM beside the last 160 samples, in JAX.

Everything that is carried from sample to sample is one row of `state`, and a row of zeros is a cold start. All
features are divided by a slowly sinking maximum of the power, so a forecast does not depend on how large the rack's
limit is; the outputs are the present value plus residuals, so a network that says nothing is persistence.
"""

import jax
import jax.numpy as jnp
import numpy as np

from racks import BOUNDS, HORIZONS

HIDDEN = 16
HEAD, HEAD_2 = 128, 96
LAGS = 160
QUANTILES = (0.50, 0.90, 0.99)
# What the quantiles of values and of maxima weigh in the loss: the planner acts on the median of the maximum and covers its P99.
VALUE_WEIGHTS, MAXIMUM_WEIGHTS = (4.0, 1.5, 4.0), (6.0, 1.5, 4.0)
# And horizons and spans. The next sample is the hardest to do better at than a regression on the samples before.
HORIZON_WEIGHTS, BOUND_WEIGHTS = (2.0, 1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.5, 1.5)
H, B = len(HORIZONS), len(BOUNDS)
# Three quantiles of the value at each horizon, and of the maximum over each span.
OUT = 3 * H + 3 * B

# What the state carries, in this order: h, c, the samples before this one (newest first), and four scalars. `warm` is
# 0 at a cold start and 1 ever after.
PAST = LAGS - 1
SCALARS = ("top", "fast", "slow", "warm")
STATE = 2 * HIDDEN + PAST + len(SCALARS)
TAU_TOP, TAU_FAST, TAU_SLOW = 1000.0, 6.0, 64.0
# A rack at 0 W must stay finite.
TOP_FLOOR = 1e-3
FEATURES = 6
SHIFT = np.array([0.9, 0.0, 0.0, 0.0, 0.9, 0.0], np.float32)
# Differences are some percent of the maximum: brought near 1. Folded into the weights at export.
GAIN = 8.0
INPUT = HIDDEN + FEATURES + LAGS
# Residuals and widths in units of the maximum.
RESIDUAL, WIDTH = 0.1, 0.02
# Steps at the start of a window that teach the state and are not scored.
SETTLE = 24
# What a step weighs while the samples do not yet reach back as far as they can.
PARTIAL = 0.3


def init(seed: int) -> dict[str, jnp.ndarray]:
    """Fresh weights; the last layers start near zero, so the model starts as persistence."""
    keys = jax.random.split(jax.random.PRNGKey(seed), 5)
    inputs = FEATURES + HIDDEN
    gates_b = np.zeros(4 * HIDDEN, np.float32)
    gates_b[HIDDEN : 2 * HIDDEN] = 1.0
    return {
        "gates_w": jax.random.normal(keys[0], (inputs, 4 * HIDDEN)) / np.sqrt(inputs),
        "gates_b": jnp.asarray(gates_b),
        "head_w": jax.random.normal(keys[1], (INPUT, HEAD)) / np.sqrt(INPUT),
        "head_b": jnp.zeros(HEAD),
        "deep_w": jax.random.normal(keys[4], (HEAD, HEAD_2)) / np.sqrt(HEAD),
        "deep_b": jnp.zeros(HEAD_2),
        "out_w": 0.05 * jax.random.normal(keys[2], (HEAD_2, OUT)),
        "out_b": jnp.concatenate([jnp.zeros(H), -jnp.ones(OUT - H)]),
        # A straight path from what was seen to the medians: an autoregression that the head corrects.
        "line_w": 0.01 * jax.random.normal(keys[3], (INPUT, H)),
    }


def carry(x: jnp.ndarray, old: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Features `[N, F]` of power/limit `x [N]`, and the new scalars `[N, 4]`; `old [N, 5]` is the scalars and x before."""
    top, fast, slow, warm, prev = [old[:, i] for i in range(5)]
    start = lambda value: x + warm * (value - x)
    fast, slow, prev = start(fast), start(slow), start(prev)
    top = jnp.maximum(x, top + (x - top) / TAU_TOP)
    fast, slow = fast + (x - fast) / TAU_FAST, slow + (x - slow) / TAU_SLOW
    scale = jnp.maximum(top, TOP_FLOOR)[:, None]
    parts = jnp.stack([x, x - prev, x - fast, x - slow, slow, top - x], 1) / scale
    one = jnp.ones_like(x) + 0.0 * warm
    return (parts - SHIFT) * GAIN, jnp.stack([top, fast, slow, one], 1)


def cell(weights: dict, features: jnp.ndarray, h: jnp.ndarray, c: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """One LSTM step."""
    gates = jnp.concatenate([features, h], -1) @ weights["gates_w"] + weights["gates_b"]
    i, f, g, o = jnp.split(gates, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def head(weights: dict, spread: jnp.ndarray, x: jnp.ndarray, scale: jnp.ndarray, seen: jnp.ndarray):
    """Quantiles of values `[.., H, 3]` and of maxima `[.., B, 3]`; `seen [.., INPUT]`, `spread [H + B]` the conformal factors."""
    hidden = jax.nn.relu(seen @ weights["head_w"] + weights["head_b"])
    hidden = jax.nn.relu(hidden @ weights["deep_w"] + weights["deep_b"])
    raw = hidden @ weights["out_w"] + weights["out_b"]
    medians = raw[..., :H] + seen @ weights["line_w"]
    p50 = jnp.maximum(x[..., None] + (RESIDUAL * scale)[..., None] * medians, 0.0)
    steps = (WIDTH * scale)[..., None] * jax.nn.softplus(raw[..., H:])
    # Every quantile is the one below plus something positive: they cannot cross.
    p90 = p50 + steps[..., :H]
    p99 = p90 + steps[..., H : 2 * H] * spread[:H]
    # The maximum over a span is at least each value in it, so each of its quantiles is at least theirs.
    values, maxima = (p50, p90, p99), []
    below = [quantile[..., 0] for quantile in values]
    for index, samples in enumerate(BOUNDS):
        horizon, least = HORIZONS.index(samples), jnp.zeros_like(x)
        for level in range(3):
            widening = steps[..., 2 * H + level * B + index] * (spread[H + index] if level == 2 else 1.0)
            floor = jnp.maximum(jnp.maximum(below[level], values[level][..., horizon]), least)
            below[level] = least = floor + widening
        maxima.append(jnp.stack(below, -1))
    return jnp.stack(values, -1), jnp.stack(maxima, -2)


def lagged(past: jnp.ndarray, slow: jnp.ndarray, scale: jnp.ndarray) -> jnp.ndarray:
    return (past - slow[..., None]) / scale[..., None] * GAIN


def step(weights: dict, spread: jnp.ndarray, x: jnp.ndarray, state: jnp.ndarray):
    """One sample: `x [N]`, `state [N, S]` to quantiles `[N, H, 3]`, maxima `[N, B, 3]`, state `[N, S]`."""
    h, c = state[:, :HIDDEN], state[:, HIDDEN : 2 * HIDDEN]
    past, scalars = state[:, 2 * HIDDEN : 2 * HIDDEN + PAST], state[:, 2 * HIDDEN + PAST :]
    features, scalars_new = carry(x, jnp.concatenate([scalars, past[:, :1]], 1))
    warm = scalars[:, 3:]
    past = x[:, None] + warm * (past - x[:, None])
    window = jnp.concatenate([x[:, None], past], 1)
    h, c = cell(weights, features, h, c)
    scale = jnp.maximum(scalars_new[:, 0], TOP_FLOOR)
    seen = jnp.concatenate([h, features, lagged(window, scalars_new[:, 2], scale)], 1)
    quantiles, maxima = head(weights, spread, x, scale, seen)
    return quantiles, maxima, jnp.concatenate([h, c, window[:, :PAST], scalars_new], 1)


def run(weights: dict, spread: jnp.ndarray, x: jnp.ndarray):
    """Whole series from a cold start: `x [T, N]` to quantiles `[T, N, H, 3]`, maxima `[T, N, B, 3]`, scale `[T, N]`."""
    count = x.shape[1]

    def carry_step(old, now):
        features, new = carry(now, old)
        return jnp.concatenate([new, now[:, None]], 1), (features, new[:, 0], new[:, 2])

    _, (features, top, slow) = jax.lax.scan(carry_step, jnp.zeros((count, 5)), x)

    def cell_step(hc, now):
        hc = cell(weights, now, *hc)
        return hc, hc[0]

    zero = jnp.zeros((count, HIDDEN))
    _, h = jax.lax.scan(cell_step, (zero, zero), features, unroll=4)
    scale = jnp.maximum(top, TOP_FLOOR)
    padded = jnp.concatenate([jnp.repeat(x[:1], PAST, 0), x], 0)
    window = jnp.stack([padded[PAST - k : PAST - k + x.shape[0]] for k in range(LAGS)], -1)
    seen = jnp.concatenate([h, features, lagged(window, slow, scale)], -1)
    quantiles, maxima = head(weights, spread, x, scale, seen)
    return quantiles, maxima, scale


def loss(weights: dict, x, y, peak, mask) -> jnp.ndarray:
    """Mean pinball loss of all quantiles of values and maxima, in parts of what persistence errs on each rack."""
    quantiles, maxima, scale = run(weights, jnp.ones(H + B), x)
    lost = losses(y, peak, quantiles, maxima)
    # A rack's error counts beside what persistence would err: what cannot be foreseen must not drown what can.
    naive = (jnp.abs(y - x[..., None]).mean(-1) * mask).sum(0) / jnp.maximum(mask.sum(0), 1.0) / scale.mean(0)
    full = jnp.arange(len(x)) >= LAGS
    share = jnp.where(full, 1.0, PARTIAL) * (jnp.arange(len(x)) >= SETTLE)
    weight = mask * share[:, None] / (naive + 0.01) / scale
    return (weight * lost).sum() / (mask * share[:, None]).sum()


def losses(y, peak, quantiles, maxima):
    """Weighed pinball losses `[..]` of `quantiles [.., H, 3]` and `maxima [.., B, 3]`."""
    values = weighed(y, quantiles, VALUE_WEIGHTS, HORIZON_WEIGHTS)
    return values + weighed(peak, maxima, MAXIMUM_WEIGHTS, BOUND_WEIGHTS)


def weighed(truth, quantiles, by_level, by_place):
    """Mean over the last axis of `truth [.., K]`; P99 errs in hundredths, so it must be raised to be heard."""
    by_place = np.asarray(by_place) / np.sum(by_place)
    return ((pinball(truth[..., None] - quantiles, np.asarray(QUANTILES)) * np.asarray(by_level)).sum(-1) * by_place).sum(-1)


def pinball(error: jnp.ndarray, level) -> jnp.ndarray:
    return jnp.maximum(level * error, (level - 1.0) * error)
