//! A run told as text, JSON, JUnit XML and a page.

pub mod html;
pub mod junit;
pub mod text;
mod timeline;

#[cfg(test)]
mod tests;
