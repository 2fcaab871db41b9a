//! Between whole watts and the parts of a reference that the model works in: here floats begin and end.

use ridethrough_core::units::Watts;

/// The model's input range, in parts of the reference; what is drawn beyond is absurd.
pub const PARTS_MAX: f32 = 3.0;

/// Power as a part of the reference, at most [`PARTS_MAX`]; 0 where there is no reference to divide by.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the model's inputs are f32")]
pub fn ratio(power: Watts, reference: Watts) -> f32 {
    if reference > Watts::ZERO {
        ((power.get() as f64 / reference.get() as f64) as f32).clamp(0.0, PARTS_MAX)
    } else {
        0.0
    }
}

/// A finite part of the reference in whole watts, rounded towards more.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the cast saturates, which is checked")]
pub fn up(part: f32, reference: Watts) -> Watts {
    Watts::new((f64::from(part) * reference.get() as f64).ceil() as i64)
}
