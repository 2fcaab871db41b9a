//! Weights by name, with their shapes checked against each other.

use std::error::Error;
use std::fmt;

use prost::Message;

use super::proto::{FLOAT, Graph, Model};

/// Columns that a kernel works on together; matrices are padded to whole tiles of them.
pub const TILE: usize = 16;
/// What the step derives from the power, in parts of the scale: x, x - prev, x - fast, x - slow, slow, top - x.
pub const FEATURES: usize = 6;
/// P50, P90 and P99.
const QUANTILES: usize = 3;
/// Carried beside h, c and the samples: top, fast, slow, warm.
const SCALARS: usize = 4;
/// Spans of the maxima: each is one of the horizons, all but the first.
const SHORTEST: usize = 1;
/// Beyond this, a file is no model of ours.
const SIZE_MAX: usize = 4_096;

/// Why the weights of a model file could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsFault {
    /// No ONNX file.
    NotOnnx,
    /// A constant is missing, or is no matrix of floats.
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A constant has a shape that does not fit the others.
    Shape {
        /// Its name.
        name: &'static str,
        /// What it has.
        found: Vec<i64>,
    },
}

/// A matrix `[inputs, outputs]` with its bias, padded with zeros to whole tiles of outputs.
#[derive(Clone)]
pub struct Layer {
    /// Inputs.
    pub inputs: usize,
    /// Outputs, padding included.
    pub padded: usize,
    /// Tile by tile: of each input, what it counts for in the outputs of the tile.
    pub weights: Vec<[f32; TILE]>,
    /// One for each output.
    pub bias: Vec<f32>,
}

/// All that the step multiplies by.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Hidden units of the LSTM.
    pub hidden: usize,
    /// Samples that are seen, the newest included.
    pub lags: usize,
    /// Units of the first layer of the head.
    pub head: usize,
    /// Horizons.
    pub horizons: usize,
    /// The LSTM's gates i, f, g, o from the features and h.
    pub gates: Layer,
    /// The head's first layer, and after it the straight line to the medians, from h, the features and the samples.
    pub seen: Layer,
    /// The head's second layer.
    pub deep: Layer,
    /// Medians, steps from each quantile to the next, then the steps of each quantile of the maxima.
    pub out: Layer,
    /// What each step is multiplied by.
    pub width: Vec<f32>,
    /// Shares of a difference that top, fast and slow move by.
    pub rates: [f32; 3],
    /// Least scale.
    pub floor: f32,
}

impl Weights {
    /// The weights in the ONNX file `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsFault> {
        let graph = Model::decode(bytes).ok().and_then(|model| model.graph).ok_or(WeightsFault::NotOnnx)?;
        let one = |name| tensor(&graph, name, &[1]).map(|values| values[0]);
        let gates = layer(&graph, "gates_w", "gates_b")?;
        let (seen, deep) = (layer(&graph, "seen_w", "seen_b")?, layer(&graph, "deep_w", "deep_b")?);
        let out = layer(&graph, "out_w", "out_b")?;
        let hidden = count(&graph, "gates_b")? / 4;
        let head = deep.inputs;
        let wrong = |name| WeightsFault::Shape { name, found: shape(&graph, name) };
        let horizons = count(&graph, "seen_b")?.checked_sub(head).ok_or_else(|| wrong("seen_b"))?;
        let lags = seen.inputs.checked_sub(hidden + FEATURES).ok_or_else(|| wrong("seen_w"))?;
        let weights = Self {
            width: tensor(&graph, "width", &[count(&graph, "width")?])?,
            rates: [one("rate_top")?, one("rate_fast")?, one("rate_slow")?],
            floor: one("floor")?,
            hidden,
            lags,
            head,
            horizons,
            gates,
            seen,
            deep,
            out,
        };
        let outputs = (horizons + weights.spans()) * QUANTILES;
        let fits = [
            ("gates_w", hidden > 0 && weights.gates.inputs == FEATURES + hidden),
            ("seen_w", lags > 1 && horizons > SHORTEST && head > 0),
            // The last layer reads the one before it as it lies, padding and all.
            ("deep_b", weights.deep.padded == weights.out.inputs),
            ("out_w", count(&graph, "deep_b")? == weights.out.inputs && count(&graph, "out_b")? == outputs),
            ("width", weights.width.len() == outputs - horizons),
        ];
        match fits.iter().find(|(_, fits)| !fits) {
            Some((name, _)) => Err(wrong(name)),
            None => Ok(weights),
        }
    }

    /// Floats carried for each rack.
    pub fn state(&self) -> usize {
        2 * self.hidden + self.lags - 1 + SCALARS
    }

    /// Spans over which the maximum is forecast.
    pub fn spans(&self) -> usize {
        self.horizons - SHORTEST
    }
}

/// Sizes and no numbers: there are tens of thousands.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("inputs", &self.inputs).field("padded", &self.padded).finish_non_exhaustive()
    }
}

fn layer(graph: &Graph, weights: &'static str, bias: &'static str) -> Result<Layer, WeightsFault> {
    let wrong = || WeightsFault::Shape { name: weights, found: shape(graph, weights) };
    let outputs = count(graph, bias)?;
    let &[inputs, _] = shape(graph, weights).as_slice() else { return Err(wrong()) };
    let inputs = usize::try_from(inputs).map_err(|_| wrong())?;
    let (plain, plain_bias) = (tensor(graph, weights, &[inputs, outputs])?, tensor(graph, bias, &[outputs])?);
    let padded = outputs.next_multiple_of(TILE);
    let tile_of = |row: &[f32], tile: usize| {
        let mut numbers = [0.0; TILE];
        numbers.iter_mut().zip(row.iter().skip(tile * TILE)).for_each(|(to, from)| *to = *from);
        numbers
    };
    let tiles = 0..padded / TILE;
    let weights = tiles.clone().flat_map(|tile| plain.chunks(outputs).map(move |row| tile_of(row, tile))).collect();
    let bias = tiles.flat_map(|tile| tile_of(&plain_bias, tile)).collect();
    Ok(Layer { inputs, padded, weights, bias })
}

fn shape(graph: &Graph, name: &str) -> Vec<i64> {
    graph.initializer.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.dims.clone()).unwrap_or_default()
}

/// The length of a vector.
fn count(graph: &Graph, name: &'static str) -> Result<usize, WeightsFault> {
    match shape(graph, name).as_slice() {
        [length] => usize::try_from(*length).ok().filter(|length| (1..=SIZE_MAX).contains(length)),
        _ => None,
    }
    .ok_or_else(|| WeightsFault::Shape { name, found: shape(graph, name) })
}

/// The numbers of a constant of this shape.
fn tensor(graph: &Graph, name: &'static str, expected: &[usize]) -> Result<Vec<f32>, WeightsFault> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name && tensor.data_type == FLOAT);
    let tensor = tensor.ok_or(WeightsFault::Missing { name })?;
    let same = tensor.dims.iter().map(|size| usize::try_from(*size).ok()).eq(expected.iter().map(|size| Some(*size)));
    let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
    let length: usize = expected.iter().product();
    if !same || numbers.len() != length || !rest.is_empty() || expected.iter().any(|size| *size > SIZE_MAX) {
        return Err(WeightsFault::Shape { name, found: tensor.dims.clone() });
    }
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

impl fmt::Display for WeightsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnnx => f.write_str("is no ONNX file"),
            Self::Missing { name } => write!(f, "has no matrix of floats `{name}`"),
            Self::Shape { name, found } => write!(f, "`{name}` has the shape {found:?}, which does not fit the others"),
        }
    }
}

impl Error for WeightsFault {}
