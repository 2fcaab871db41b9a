//! Pages that need no script and fetch nothing: markup, and drawings as inline SVG.

pub mod markup;
pub mod svg;
