"""The network: one stateful step of an LSTM over scale-free features, in JAX.

Everything that is carried from second to second is one row of `state`, and a row of zeros is a cold start. All
features are divided by a running maximum of the power, so a forecast does not depend on how large the rack's limit
is; the outputs are the present value plus residuals.
"""

import jax
import jax.numpy as jnp
import numpy as np

from racks import BOUNDS_S, HORIZONS_S

HIDDEN = 32
HEAD = 48
QUANTILES = (0.50, 0.90, 0.99)
FEATURES = 12
H, B = len(HORIZONS_S), len(BOUNDS_S)
OUT = 3 * H + B

# What the state carries beside h and c, in this order. `age` is 0 at a cold start and tends to 1.
CARRIED = ("prev", "fast", "slow", "long", "high", "low", "swing_fast", "swing_slow", "top", "age")
STATE, TOP = 2 * HIDDEN + len(CARRIED), CARRIED.index("top")
TAU_TOP_S, TAU_FAST_S, TAU_SLOW_S, TAU_LONG_S = 600.0, 4.0, 20.0, 90.0
TAU_SWING_FAST_S, TAU_SWING_SLOW_S, TAU_RANGE_S, TAU_AGE_S = 5.0, 60.0, 60.0, 20.0
# Floors of what is divided by and of what goes into the logarithm: a rack at 0 W must stay finite.
TOP_FLOOR, SWING_FLOOR = 1e-3, 1e-4
# Share of the LSTM's outputs that the head does not see in a training step: 150 recordings are soon known by heart.
DROPPED = 0.2
# Residuals are a few percent of the maximum: the last layer then works near 1.
RESIDUAL = 0.05
# P99 and the bounds keep some distance even where training saw none: 0.1 in units of RESIDUAL is 0.5 % of the maximum.
FLOOR = np.array([0.02] * len(HORIZONS_S) + [0.1] * (len(HORIZONS_S) + len(BOUNDS_S)), np.float32)
# Brings every feature near unit spread; folded into the weights at export.
SCALE = np.array([1, 10, 10, 10, 5, 3, 3, 1, 1, 0.5, 0.5, 1], np.float32)
SHIFT = np.array([0.8, 0, 0, 0, 0, 0, 0, 0.1, -0.1, -5.0, -5.0, 0.5], np.float32)


def init(seed: int) -> dict[str, jnp.ndarray]:
    """Fresh weights; the last layer starts near zero, so the model starts as persistence."""
    keys = jax.random.split(jax.random.PRNGKey(seed), 4)
    inputs = FEATURES + HIDDEN
    gates_b = np.zeros(4 * HIDDEN, np.float32)
    gates_b[HIDDEN : 2 * HIDDEN] = 1.0
    return {
        "gates_w": jax.random.normal(keys[0], (inputs, 4 * HIDDEN)) / np.sqrt(inputs),
        "gates_b": jnp.asarray(gates_b),
        "head_w": jax.random.normal(keys[1], (HIDDEN + FEATURES, HEAD)) / np.sqrt(HIDDEN + FEATURES),
        "head_b": jnp.zeros(HEAD),
        "out_w": 0.01 * jax.random.normal(keys[2], (HEAD, OUT)),
        "out_b": jnp.concatenate([jnp.zeros(H), -1.0 * jnp.ones(OUT - H)]),
    }


def carry(x: jnp.ndarray, old: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Features `[N, F]` of power/limit `x [N]`, and what to carry `[N, C]`; has no weights."""
    prev, fast, slow, long, high, low, swing_fast, swing_slow, top, age = [old[:, i] for i in range(len(CARRIED))]
    warm = jnp.minimum(age * 1e3, 1.0)
    start = lambda value: x + warm * (value - x)
    prev, fast, slow, long, high, low = map(start, (prev, fast, slow, long, high, low))
    top = jnp.maximum(x, top + (x - top) / TAU_TOP_S)
    swing = jnp.abs(x - prev)
    swing_fast = swing_fast + (swing - swing_fast) / TAU_SWING_FAST_S
    swing_slow = swing_slow + (swing - swing_slow) / TAU_SWING_SLOW_S
    fast, slow, long = fast + (x - fast) / TAU_FAST_S, slow + (x - slow) / TAU_SLOW_S, long + (x - long) / TAU_LONG_S
    high = jnp.maximum(x, high + (x - high) / TAU_RANGE_S)
    low = jnp.minimum(x, low + (x - low) / TAU_RANGE_S)
    age = age + (1.0 - age) / TAU_AGE_S
    scale = jnp.maximum(top, TOP_FLOOR)
    ratios = jnp.stack([x, x - prev, x - fast, x - slow, x - long, slow - long, fast - slow, high - x, low - x], 1)
    ratios = ratios / scale[:, None]
    swings = jnp.log(jnp.stack([swing_fast, swing_slow], 1) / scale[:, None] + SWING_FLOOR)
    features = jnp.concatenate([ratios, swings, age[:, None]], 1)
    new = jnp.stack([x, fast, slow, long, high, low, swing_fast, swing_slow, top, age], 1)
    return features, new


def normal(features: jnp.ndarray) -> jnp.ndarray:
    return (features - SHIFT) * SCALE


def cell(weights: dict, features: jnp.ndarray, h: jnp.ndarray, c: jnp.ndarray) -> tuple[jnp.ndarray, jnp.ndarray]:
    """One LSTM step on normalised features."""
    gates = jnp.concatenate([features, h], -1) @ weights["gates_w"] + weights["gates_b"]
    i, f, g, o = jnp.split(gates, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def head(weights: dict, spread: jnp.ndarray, x: jnp.ndarray, scale: jnp.ndarray, features: jnp.ndarray, h: jnp.ndarray):
    """Quantiles `[.., H, 3]` and bounds `[.., B]`; `spread [H + B]` is the conformal factor on P99 and bounds."""
    hidden = jnp.tanh(jnp.concatenate([features, h], -1) @ weights["head_w"] + weights["head_b"])
    raw = hidden @ weights["out_w"] + weights["out_b"]
    unit = (RESIDUAL * scale)[..., None]
    p50 = jnp.maximum(x[..., None] + unit * raw[..., :H], 0.0)
    steps = unit * (jax.nn.softplus(raw[..., H:]) + FLOOR)
    # Every quantile is the one below plus something positive: they cannot cross.
    p90 = p50 + steps[..., :H]
    p99 = p90 + steps[..., H : 2 * H] * spread[:H]
    short = jnp.maximum(jnp.max(p99[..., :3], -1), x) + steps[..., 2 * H] * spread[H]
    full = jnp.maximum(short, p99[..., 3]) + steps[..., 2 * H + 1] * spread[H + 1]
    return jnp.stack([p50, p90, p99], -1), jnp.stack([short, full], -1)


def step(weights: dict, spread: jnp.ndarray, x: jnp.ndarray, state: jnp.ndarray):
    """One second: `x [N]`, `state [N, S]` to quantiles `[N, H, 3]`, bounds `[N, B]`, state `[N, S]`."""
    h, c, old = state[:, :HIDDEN], state[:, HIDDEN : 2 * HIDDEN], state[:, 2 * HIDDEN :]
    features, new = carry(x, old)
    features = normal(features)
    h, c = cell(weights, features, h, c)
    quantiles, bound = head(weights, spread, x, jnp.maximum(new[:, TOP], TOP_FLOOR), features, h)
    return quantiles, bound, jnp.concatenate([h, c, new], 1)


def run(weights: dict, spread: jnp.ndarray, x: jnp.ndarray, key=None):
    """Whole series from a cold start: `x [T, N]` to quantiles `[T, N, H, 3]`, bounds `[T, N, B]`, scale `[T, N]`.

    With a `key`, a part of what the head sees is dropped at random (training only).
    """
    count = x.shape[1]

    def carry_step(old, now):
        features, new = carry(now, old)
        return new, (features, new[:, TOP])

    _, (features, top) = jax.lax.scan(carry_step, jnp.zeros((count, len(CARRIED))), x)
    features = normal(jax.lax.stop_gradient(features))

    def cell_step(hc, now):
        hc = cell(weights, now, *hc)
        return hc, hc[0]

    zero = jnp.zeros((count, HIDDEN))
    _, h = jax.lax.scan(cell_step, (zero, zero), features)
    scale = jnp.maximum(jax.lax.stop_gradient(top), TOP_FLOOR)
    if key is not None:
        keep = jax.random.bernoulli(key, 1.0 - DROPPED, h.shape[1:])
        h = h * keep / (1.0 - DROPPED)
    quantiles, bound = head(weights, spread, x, scale, features, h)
    return quantiles, bound, scale


def loss(weights: dict, x, y, peak, mask, key=None) -> jnp.ndarray:
    """Mean pinball loss of all quantiles and bounds, as a share of each rack's running maximum."""
    quantiles, bound, scale = run(weights, jnp.ones(H + B), x, key)
    levels = jnp.asarray(QUANTILES)
    per_quantile = pinball(y[..., None] - quantiles, levels).mean((-1, -2))
    per_bound = pinball(peak - bound, 0.99).mean(-1)
    weight = mask / mask.sum()
    # The future maximum counts twice: it is what the planner covers.
    return (weight * (per_quantile + 2.0 * per_bound) / scale).sum()


def pinball(error: jnp.ndarray, level) -> jnp.ndarray:
    return jnp.maximum(level * error, (level - 1.0) * error)
