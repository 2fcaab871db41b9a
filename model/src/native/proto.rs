//! The few fields of ONNX's file format that hold named tensors (onnx.proto3, Apache-2.0).

use prost::Message;

/// A model file.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
}

/// A graph; only its constants are read.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// Named constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
}

/// A constant.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Its shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// 1 for floats of 32 bits.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Its name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Its numbers, little-endian.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

/// `data_type` of 32-bit floats.
pub const FLOAT: i32 = 1;
