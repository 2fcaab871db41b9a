"""Writes the trained step as ONNX, its manifest, golden values and a wrongly shaped model for the tests.

The LSTM is written out in plain operators: the fused LSTM operator of ONNX Runtime swallows NaN, and a forecast that
hides a broken input is worse than none. Normalisation and conformal factors are folded into the weights. The weights
have names, by which the crate's own implementation of the step finds them in the file.
"""

import hashlib
import json
from pathlib import Path

import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import network
from network import B, FEATURES, GAIN, H, HIDDEN, LAGS, PAST, SHIFT, STATE
from racks import BOUNDS, HORIZONS
from traces import Trace

OPSET, IR_VERSION = 17, 9
FORMAT = 3
# The model counts in samples; the product gives it one in a second.
PERIOD_MS = 1000
GOLDEN_STEPS, GOLDEN_RACKS = 24, 3


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

    def constant(self, value, name: str | None = None) -> str:
        name = name or self._fresh("const")
        array = np.asarray(value)
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _fresh(self, kind: str) -> str:
        self.count += 1
        return f"{kind.lower()}_{self.count}"


def folded(weights: dict, spread: np.ndarray) -> dict[str, np.ndarray]:
    """The weights as the graph applies them: to features and samples in parts of the scale, unshifted.

    With v in parts of the scale: features are (v - SHIFT) * GAIN, samples (v - slow) * GAIN, and slow is a feature.
    """
    w = {key: np.asarray(value, np.float64) for key, value in weights.items()}
    gain = lambda rows: rows * GAIN
    shifted = lambda bias, rows: bias - (SHIFT * GAIN) @ rows
    gates = np.vstack([gain(w["gates_w"][:FEATURES]), w["gates_w"][FEATURES:]])
    out = {"gates_w": gates, "gates_b": shifted(w["gates_b"], w["gates_w"][:FEATURES])}
    unit = np.concatenate([np.full(H, network.RESIDUAL), np.ones(network.OUT - H)])
    # The head and the straight line see the same: one product gives both, the line's columns last.
    both = np.hstack([w["head_w"], w["line_w"] * network.RESIDUAL])
    bias = np.concatenate([w["head_b"], np.zeros(H)])
    h, features, lags = both[:HIDDEN], both[HIDDEN : HIDDEN + FEATURES], both[HIDDEN + FEATURES :]
    on_features = gain(features)
    on_features[SLOW] -= gain(lags).sum(0)
    out["seen_w"], out["seen_b"] = np.vstack([h, on_features, gain(lags)]), shifted(bias, features)
    out["deep_w"], out["deep_b"] = w["deep_w"], w["deep_b"]
    out["out_w"], out["out_b"] = w["out_w"] * unit, w["out_b"] * unit
    out["width"] = network.WIDTH * np.concatenate([np.ones(H), spread[:H], np.ones(2 * B), spread[H:]])
    return {key: np.asarray(value, np.float32) for key, value in out.items()}


# Place of slow / scale among the features.
SLOW = 4


def build(weights: dict, spread: np.ndarray) -> onnx.ModelProto:
    """The whole step: power `[N, 1]`, state_in `[N, S]` to quantiles `[N, H, 3]`, maxima `[N, B, 3]`, state_out `[N, S]`."""
    g = Graph()
    named = {key: g.constant(value, key) for key, value in folded(weights, spread).items()}
    h, c, past, top, fast, slow, warm = g.split("state_in", [HIDDEN, HIDDEN, PAST, 1, 1, 1, 1])
    started = lambda value: g.op("Add", "power", g.op("Mul", warm, g.op("Sub", value, "power")))
    past, fast, slow = started(past), started(fast), started(slow)
    newest, prev = "power", g.split(past, [1, PAST - 1])[0]
    taus = {"top": network.TAU_TOP, "fast": network.TAU_FAST, "slow": network.TAU_SLOW}
    rates = {name: g.constant([1.0 / tau], f"rate_{name}") for name, tau in taus.items()}
    moved = lambda value, rate: g.op("Add", value, g.op("Mul", g.op("Sub", "power", value), rate))
    top = g.op("Max", "power", moved(top, rates["top"]))
    fast, slow = moved(fast, rates["fast"]), moved(slow, rates["slow"])
    scale = g.op("Max", top, g.constant([network.TOP_FLOOR], "floor"))
    below = lambda value: g.op("Sub", "power", value)
    features = g.op("Concat", newest, below(prev), below(fast), below(slow), slow, g.op("Sub", top, newest), axis=1)
    features = g.op("Div", features, scale)
    h, c = _cell(g, named, features, h, c)
    samples = g.op("Div", g.op("Concat", newest, past, axis=1), scale)
    _head(g, named, scale, g.op("Concat", h, features, samples, axis=1))
    # 1 for every rack, except where something is NaN: it must not be lost here either.
    warm = g.op("Add", g.constant([[1.0]]), g.op("Mul", warm, g.constant(0.0)))
    kept = g.split(past, [PAST - 1, 1])[0]
    g.op("Concat", h, c, newest, kept, top, fast, slow, warm, axis=1, name="state_out")
    tensor = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
    inputs = [tensor("power", 1), tensor("state_in", STATE)]
    outputs = [tensor("quantiles", H, 3), tensor("maxima", B, 3), tensor("state_out", STATE)]
    return _finish(helper.make_graph(g.nodes, "ridethrough_forecast_step", inputs, outputs, g.constants))


def _cell(g: Graph, named: dict, features: str, h: str, c: str) -> tuple[str, str]:
    gates = g.op("Gemm", g.op("Concat", features, h, axis=1), named["gates_w"], named["gates_b"])
    i, f, cell, o = g.split(gates, [HIDDEN] * 4)
    kept = g.op("Mul", g.op("Sigmoid", f), c)
    c_new = g.op("Add", kept, g.op("Mul", g.op("Sigmoid", i), g.op("Tanh", cell)))
    return g.op("Mul", g.op("Sigmoid", o), g.op("Tanh", c_new)), c_new


def _head(g: Graph, named: dict, scale: str, seen: str) -> None:
    hidden, line = g.split(g.op("Gemm", seen, named["seen_w"], named["seen_b"]), [network.HEAD, H])
    hidden = g.op("Relu", g.op("Gemm", g.op("Relu", hidden), named["deep_w"], named["deep_b"]))
    middle, above = g.split(g.op("Gemm", hidden, named["out_w"], named["out_b"]), [H, network.OUT - H])
    steps = g.op("Mul", g.op("Mul", g.op("Softplus", above), named["width"]), scale)
    to_p90, to_p99, *widenings = g.split(steps, [H, H] + [1] * (3 * B))
    p50 = g.op("Add", "power", g.op("Mul", g.op("Add", middle, line), scale))
    p50 = g.op("Max", p50, g.constant(0.0))
    p90 = g.op("Add", p50, to_p90)
    p99 = g.op("Add", p90, to_p99)
    values = [g.split(quantile, [1] * H) for quantile in (p50, p90, p99)]
    below, maxima = [each[0] for each in values], []
    for index, samples in enumerate(BOUNDS):
        for level in range(3):
            floors = [below[level], values[level][HORIZONS.index(samples)], *below[:level][-1:]]
            below[level] = g.op("Add", g.op("Max", *floors), widenings[level * B + index])
        maxima.append(g.op("Concat", *below, axis=1))
    _stacked(g, [p50, p90, p99], 2, "quantiles")
    _stacked(g, maxima, 1, "maxima")


def _stacked(g: Graph, values: list[str], axis: int, name: str) -> None:
    at = g.constant(np.array([axis], np.int64))
    g.op("Concat", *[g.op("Unsqueeze", value, at) for value in values], axis=axis, name=name)


def _finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="ridethrough")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def wrong_shape() -> onnx.ModelProto:
    """A valid model whose state is 8 wide: the crate must refuse it by name."""
    g = Graph()
    tensor = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
    for name, rows in (("quantiles", H), ("maxima", B)):
        _stacked(g, [g.op("Concat", *["power"] * rows, axis=1)] * 3, 2, name)
    g.op("Identity", "state_in", name="state_out")
    outputs = [tensor("quantiles", H, 3), tensor("maxima", B, 3), tensor("state_out", 8)]
    return _finish(helper.make_graph(g.nodes, "wrong", [tensor("power", 1), tensor("state_in", 8)], outputs, g.constants))


def golden(weights: dict, spread: np.ndarray, all_traces: list[Trace], seed: int) -> dict:
    """Inputs and outputs of the step, computed by JAX on the start of some real traces; the Rust tests replay them."""
    rng = np.random.default_rng(seed)
    chosen = [all_traces[i] for i in rng.choice(len(all_traces), GOLDEN_RACKS, replace=False)]
    x = np.stack([t.watts[:GOLDEN_STEPS] / t.watts.max() for t in chosen], axis=1)
    state = np.zeros((GOLDEN_RACKS, STATE), np.float32)
    step, out = jax.jit(network.step), []
    for now in x:
        quantiles, maxima, state = step(weights, spread, now, state)
        rows = {"power": now, "quantiles": quantiles, "maxima": maxima, "state_out": state}
        out.append({key: np.asarray(value, np.float64).round(7).tolist() for key, value in rows.items()})
    return {"traces": [t.name for t in chosen], "state_in": "zeros at the first step, then state_out", "steps": out}


def write_all(out: Path, weights, spread, hashes, all_traces, seed: int, updates: int) -> None:
    """Writes `forecast.onnx`, `forecast.json`, `golden.json` and `testdata/wrong_shape.*` under `out`."""
    raw = build(weights, spread).SerializeToString(deterministic=True)
    notes = {
        "trained_with": {m.__name__: m.__version__ for m in (jax, np, onnx)},
        "seed": seed,
        "updates": updates,
        "conformal_factors": [round(float(s), 5) for s in np.asarray(spread)],
        "data": [{"file": f, "sha256": digest} for f, digest in sorted(hashes.items())],
    }
    (out / "testdata").mkdir(exist_ok=True)
    _write(out / "forecast", raw, notes)
    _write(out / "testdata" / "wrong_shape", wrong_shape().SerializeToString(deterministic=True), {})
    (out / "golden.json").write_text(json.dumps(golden(weights, spread, all_traces, seed)) + "\n")


def _write(stem: Path, raw: bytes, notes: dict) -> None:
    port = lambda name, *shape: {"name": name, "type": "float32", "shape": ["N", *shape]}
    manifest = {
        "format": FORMAT,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "period_ms": PERIOD_MS,
        "horizons": list(HORIZONS),
        "bounds": list(BOUNDS),
        "quantiles": list(network.QUANTILES),
        "power_range": [0.0, 3.0],
        "inputs": [port("power", 1), port("state_in", STATE)],
        "outputs": [port("quantiles", H, 3), port("maxima", B, 3), port("state_out", STATE)],
        **notes,
    }
    stem.with_suffix(".onnx").write_bytes(raw)
    stem.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
