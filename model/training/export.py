"""Writes the trained step as ONNX, its manifest, golden values and a wrongly shaped model for the tests.

The LSTM is written out in plain operators: the fused LSTM operator of ONNX Runtime swallows NaN, and a forecast that
hides a broken input is worse than none. The normalisation of the features is folded into the weights.
"""

import hashlib
import json
import math
from pathlib import Path

import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import network
from network import B, CARRIED, FEATURES, H, HIDDEN, STATE
from racks import BOUNDS_S, HORIZONS_S
from traces import Trace

OPSET, IR_VERSION = 17, 9
# Columns that the graph steps together, as they stand in the state.
LEVELS = CARRIED[:6]
assert CARRIED == ("prev", "fast", "slow", "long", "high", "low", "swing_fast", "swing_slow", "top", "age")
# Beyond anything that a column can hold: "no limit" for Min and Max.
FAR = 1e30


def _graph_to_training() -> np.ndarray:
    """Row: feature of the graph (x, x - each level, two logs, age). Column: feature of training, as in `carry`."""
    matrix = np.zeros((1 + len(LEVELS) + 3, FEATURES))
    # x, x - prev, x - fast, x - slow, x - long are the same in both; training has x on the other side of the extremes.
    for column in range(5):
        matrix[column, column] = 1.0
    matrix[4, 5], matrix[3, 5] = 1.0, -1.0  # slow - long
    matrix[3, 6], matrix[2, 6] = 1.0, -1.0  # fast - slow
    matrix[5, 7], matrix[6, 8] = -1.0, -1.0  # high - x, low - x
    for row, column in ((7, 9), (8, 10), (9, 11)):
        matrix[row, column] = 1.0
    return matrix


GRAPH_TO_TRAINING = _graph_to_training()
GOLDEN_STEPS, GOLDEN_RACKS = 20, 3


class Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes) -> str:
        name = name or self._fresh(kind)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def split(self, value: str, sizes: list[int]) -> list[str]:
        names = [self._fresh("split") for _ in sizes]
        sizes_name = self.constant(np.array(sizes, np.int64))
        self.nodes.append(helper.make_node("Split", [value, sizes_name], names, name=names[0], axis=1))
        return names

    def constant(self, value) -> str:
        name = self._fresh("const")
        array = np.asarray(value)
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _fresh(self, kind: str) -> str:
        self.count += 1
        return f"{kind.lower()}_{self.count}"


def build(weights: dict, spread: np.ndarray) -> onnx.ModelProto:
    """The whole step: power `[N, 1]`, state_in `[N, S]` to quantiles `[N, H, 3]`, bound `[N, B]`, state_out `[N, S]`."""
    weights = {key: np.asarray(value, np.float64) for key, value in weights.items()}
    g = Graph()
    h, c, levels, swings, top, age = g.split("state_in", [HIDDEN, HIDDEN, len(LEVELS), 2, 1, 1])
    features, scale, carried = _carry(g, "power", levels, swings, top, age)
    h_new, c_new = _cell(g, weights, features, h, c)
    _head(g, weights, spread, scale, features, h_new)
    g.op("Concat", h_new, c_new, *carried, axis=1, name="state_out")
    tensor = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
    graph = helper.make_graph(
        g.nodes,
        "ridethrough_forecast_step",
        [tensor("power", 1), tensor("state_in", STATE)],
        [tensor("quantiles", H, 3), tensor("bound", B), tensor("state_out", STATE)],
        g.constants,
    )
    return _finish(graph)


def _finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="ridethrough")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def _carry(g: Graph, x: str, levels: str, swings: str, top: str, age: str) -> tuple[list[str], str, list[str]]:
    """What `network.carry` computes, on whole groups of columns: one operator of ONNX Runtime costs about a microsecond."""
    keep = lambda *taus: np.array([1.0 - 1.0 / tau for tau in taus])
    warm = g.op("Min", g.op("Mul", age, g.constant(1e3)), g.constant(1.0))
    below = g.op("Mul", warm, g.op("Sub", x, levels))
    # The distance of x from each level after its own step; the highest stays above x, the lowest below.
    kept = np.concatenate([[1.0], keep(network.TAU_FAST_S, network.TAU_SLOW_S, network.TAU_LONG_S)])
    kept = np.concatenate([kept, keep(network.TAU_RANGE_S, network.TAU_RANGE_S)])
    after = g.op("Mul", below, g.constant(kept))
    after = g.op("Min", after, g.constant([FAR, FAR, FAR, FAR, 0.0, FAR]))
    after = g.op("Max", after, g.constant([-FAR, -FAR, -FAR, -FAR, -FAR, 0.0]))
    levels = g.op("Sub", x, g.op("Mul", after, g.constant([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])))
    moved = g.op("Abs", g.split(after, [1, len(LEVELS) - 1])[0])
    kept = keep(network.TAU_SWING_FAST_S, network.TAU_SWING_SLOW_S)
    swings = g.op("Add", g.op("Mul", swings, g.constant(kept)), g.op("Mul", moved, g.constant(1.0 - kept)))
    decayed = g.op("Mul", g.op("Sub", top, x), g.constant(keep(network.TAU_TOP_S)))
    top = g.op("Add", x, g.op("Max", decayed, g.constant(0.0)))
    kept = keep(network.TAU_AGE_S)
    age = g.op("Add", g.op("Mul", age, g.constant(kept)), g.constant(1.0 - kept))
    scale = g.op("Max", top, g.constant(network.TOP_FLOOR))
    ratios = g.op("Div", g.op("Concat", x, after, swings, axis=1), scale)
    ratios, swing_ratios = g.split(ratios, [1 + len(LEVELS), 2])
    logs = g.op("Log", g.op("Add", swing_ratios, g.constant(network.SWING_FLOOR)))
    return [ratios, logs, age], scale, [levels, swings, top, age]


def _folded(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias for the graph's features instead of the normalised ones of training.

    (f - shift) * scale @ w + b  =  f @ (scale * w) + (b - shift * scale @ w), and f is linear in the graph's features.
    """
    return GRAPH_TO_TRAINING @ (weight * network.SCALE[:, None]), bias - (network.SHIFT * network.SCALE) @ weight


def _cell(g: Graph, weights: dict, features: list[str], h: str, c: str) -> tuple[str, str]:
    folded, bias = _folded(weights["gates_w"][:FEATURES], weights["gates_b"])
    weight = g.constant(np.vstack([folded, weights["gates_w"][FEATURES:]]))
    gates = g.op("Gemm", g.op("Concat", *features, h, axis=1), weight, g.constant(bias))
    i, f, cell, o = g.split(gates, [HIDDEN] * 4)
    kept = g.op("Mul", g.op("Sigmoid", f), c)
    c_new = g.op("Add", kept, g.op("Mul", g.op("Sigmoid", i), g.op("Tanh", cell)))
    return g.op("Mul", g.op("Sigmoid", o), g.op("Tanh", c_new)), c_new


def _head(g: Graph, weights: dict, spread: np.ndarray, scale: str, features: list[str], h: str) -> None:
    folded, bias = _folded(weights["head_w"][:FEATURES], weights["head_b"])
    weight = g.constant(np.vstack([folded, weights["head_w"][FEATURES:]]))
    hidden = g.op("Tanh", g.op("Gemm", g.op("Concat", *features, h, axis=1), weight, g.constant(bias)))
    unit = np.ones(network.OUT)
    unit[:H] = network.RESIDUAL
    out_w, out_b = weights["out_w"] * unit, weights["out_b"] * unit
    middle, above = g.split(g.op("Gemm", hidden, g.constant(out_w), g.constant(out_b)), [H, 2 * H + B])
    factor = network.RESIDUAL * np.concatenate([np.ones(H), np.asarray(spread)])
    above = g.op("Add", g.op("Softplus", above), g.constant(network.FLOOR))
    steps = g.op("Mul", g.op("Mul", above, g.constant(factor)), scale)
    to_p90, to_p99, to_short, to_full = g.split(steps, [H, H, 1, 1])
    p50 = g.op("Max", g.op("Add", "power", g.op("Mul", middle, scale)), g.constant(0.0))
    p90 = g.op("Add", p50, to_p90)
    p99 = g.op("Add", p90, to_p99)
    near, far = g.split(p99, [H - 1, 1])
    highest = g.op("ReduceMax", near, axes=[1], keepdims=1)
    short = g.op("Add", g.op("Max", "power", highest), to_short)
    full = g.op("Add", g.op("Max", short, far), to_full)
    last = g.constant(np.array([2], np.int64))
    g.op("Concat", *[g.op("Unsqueeze", p, last) for p in (p50, p90, p99)], axis=2, name="quantiles")
    g.op("Concat", short, full, axis=1, name="bound")


def wrong_shape() -> onnx.ModelProto:
    """A valid model whose state is 8 wide: the crate must refuse it by name."""
    g = Graph()
    tensor = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
    tile = g.op("Unsqueeze", g.op("Concat", *["power"] * H, axis=1), g.constant(np.array([2], np.int64)))
    g.op("Concat", tile, tile, tile, axis=2, name="quantiles")
    g.op("Concat", *["power"] * B, axis=1, name="bound")
    g.op("Identity", "state_in", name="state_out")
    outputs = [tensor("quantiles", H, 3), tensor("bound", B), tensor("state_out", 8)]
    return _finish(helper.make_graph(g.nodes, "wrong", [tensor("power", 1), tensor("state_in", 8)], outputs, g.constants))


def golden(weights: dict, spread: np.ndarray, all_traces: list[Trace], seed: int) -> dict:
    """Inputs and outputs of the step, computed by JAX on the start of some real traces; the Rust tests replay them."""
    rng = np.random.default_rng(seed)
    chosen = [all_traces[i] for i in rng.choice(len(all_traces), GOLDEN_RACKS, replace=False)]
    x = np.stack([t.watts[:GOLDEN_STEPS] / t.watts.max() for t in chosen], axis=1)
    state = np.zeros((GOLDEN_RACKS, STATE), np.float32)
    step, out = jax.jit(network.step), []
    for now in x:
        quantiles, bound, state = step(weights, spread, now, state)
        rows = {"power": now, "quantiles": quantiles, "bound": bound, "state_out": state}
        out.append({key: np.asarray(value, np.float64).round(7).tolist() for key, value in rows.items()})
    return {"traces": [t.name for t in chosen], "state_in": "zeros at the first step, then state_out", "steps": out}


def write_all(out: Path, weights, spread, scores, hashes, all_traces, seed: int, updates: int) -> None:
    """Writes `forecast.onnx`, `forecast.json`, `golden.json` and `testdata/wrong_shape.*` under `out`."""
    raw = build(weights, spread).SerializeToString(deterministic=True)
    notes = {
        "trained_with": {m.__name__: m.__version__ for m in (jax, np, onnx)},
        "seed": seed,
        "updates": updates,
        "conformal_factors": [round(float(s), 5) for s in np.asarray(spread)],
        "data": [{"file": f, "sha256": digest} for f, digest in sorted(hashes.items())],
        "scores": scores,
    }
    (out / "testdata").mkdir(exist_ok=True)
    _write(out / "forecast", raw, notes)
    _write(out / "testdata" / "wrong_shape", wrong_shape().SerializeToString(deterministic=True), {})
    (out / "golden.json").write_text(json.dumps(golden(weights, spread, all_traces, seed)) + "\n")


def _write(stem: Path, raw: bytes, notes: dict) -> None:
    port = lambda name, *shape: {"name": name, "type": "float32", "shape": ["N", *shape]}
    manifest = {
        "format": 1,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "period_ms": 1000,
        "horizons_s": list(HORIZONS_S),
        "bounds_s": list(BOUNDS_S),
        "quantiles": list(network.QUANTILES),
        "power_range": [0.0, 3.0],
        "inputs": [port("power", 1), port("state_in", STATE)],
        "outputs": [port("quantiles", H, 3), port("bound", B), port("state_out", STATE)],
        **notes,
    }
    assert all(math.isfinite(v) for row in notes.get("scores", []) for v in row.values() if isinstance(v, float))
    stem.with_suffix(".onnx").write_bytes(raw)
    stem.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
