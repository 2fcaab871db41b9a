//! Pages that need no script and fetch nothing: markup, drawings as inline SVG, and the style that all of them have (`base.css`).

pub mod markup;
pub mod svg;
