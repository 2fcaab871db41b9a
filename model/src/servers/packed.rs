//! What is carried for each server: the last samples in 16 bits each, everything else as it is.

/// The highest sample that 16 bits can say, in parts of the rating.
const HIGHEST: f32 = 4.0;
const STEPS: f32 = u16::MAX as f32;

/// The carried state of all servers: h and c, then the samples (newest first), then four running values, as
/// `training/network.py` has them.
#[derive(Debug)]
pub struct Packed {
    /// Where the samples lie in an unpacked state.
    past: std::ops::Range<usize>,
    samples: Vec<u16>,
    others: Vec<f32>,
    others_each: usize,
}

impl Packed {
    /// Cold servers; `past` and `width`: where the samples lie in an unpacked state, and its length.
    pub fn new(servers: usize, (past, width): (std::ops::Range<usize>, usize)) -> Self {
        let others_each = width - past.len();
        let (samples, others) = (vec![0; servers * past.len()], vec![0.0; servers * others_each]);
        Self { past, samples, others, others_each }
    }

    /// A cold start: all zeros.
    pub fn forget(&mut self, server: usize) {
        let each = self.past.len();
        self.samples[server * each..(server + 1) * each].fill(0);
        self.others[server * self.others_each..(server + 1) * self.others_each].fill(0.0);
    }

    /// The state as a step takes it.
    #[allow(clippy::cast_precision_loss, reason = "16 bits")]
    pub fn unpack(&self, server: usize, state: &mut [f32]) {
        let each = self.past.len();
        let others = &self.others[server * self.others_each..(server + 1) * self.others_each];
        let (before, after) = others.split_at(self.past.start);
        state[..self.past.start].copy_from_slice(before);
        state[self.past.end..].copy_from_slice(after);
        let samples = &self.samples[server * each..(server + 1) * each];
        for (to, from) in state[self.past.clone()].iter_mut().zip(samples) {
            *to = f32::from(*from) * (HIGHEST / STEPS);
        }
    }

    /// Takes a step's state over. Of the samples only the newest is new: the others are moved, so that nothing is rounded
    /// twice. `false`, and a cold start, when it is not finite.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and is rounded")]
    pub fn pack(&mut self, server: usize, state: &[f32]) -> bool {
        if state.iter().any(|part| !part.is_finite()) {
            self.forget(server);
            return false;
        }
        let each = self.past.len();
        let samples = &mut self.samples[server * each..(server + 1) * each];
        let packed = |part: f32| (part * (STEPS / HIGHEST)).round() as u16;
        let others = &mut self.others[server * self.others_each..(server + 1) * self.others_each];
        // `warm`, the last of the running values, was 0 at a cold start: then all samples before it are the newest.
        let is_cold = others.last().is_none_or(|warm| *warm == 0.0);
        let newest = packed(state[self.past.start]);
        if is_cold {
            samples.fill(newest);
        } else {
            samples.copy_within(..each - 1, 1);
            samples[0] = newest;
        }
        let (before, after) = others.split_at_mut(self.past.start);
        before.copy_from_slice(&state[..self.past.start]);
        after.copy_from_slice(&state[self.past.end..]);
        true
    }

    /// The highest of a server's newest samples.
    pub fn highest(&self, server: usize, newest: usize) -> f32 {
        let samples = &self.samples[server * self.past.len()..][..newest.min(self.past.len())];
        f32::from(samples.iter().copied().max().unwrap_or(0)) * (HIGHEST / STEPS)
    }

    /// The sample so many before the newest; the oldest where there are not so many.
    pub fn before(&self, server: usize, back: usize) -> f32 {
        let each = self.past.len();
        f32::from(self.samples[server * each + back.min(each - 1)]) * (HIGHEST / STEPS)
    }

    /// Bytes that are kept for each server.
    pub fn bytes_per_server(&self) -> usize {
        self.past.len() * size_of::<u16>() + self.others_each * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_move_on_without_being_rounded_again() {
        // h and c of one unit each, three samples, two running values.
        let mut packed = Packed::new(2, (2..5, 7));
        assert!(packed.pack(1, &[0.25, -0.5, 0.1, 0.1, 0.1, 0.3, 1.0]));
        assert!(packed.pack(1, &[0.5, -0.25, 0.7, 0.1, 0.1, 0.4, 1.0]));
        let (mut state, mut cold) = ([f32::NAN; 7], [f32::NAN; 7]);
        packed.unpack(1, &mut state);
        packed.unpack(0, &mut cold);
        let expected = [0.5, -0.25, 0.7, 0.1, 0.1, 0.4, 1.0];
        assert!(state.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{state:?}");
        assert!(cold.iter().all(|part| *part == 0.0), "{cold:?}");
        assert!((packed.before(1, 0) - 0.7).abs() < 1e-4 && (packed.before(1, 9) - 0.1).abs() < 1e-4);
        assert!((packed.highest(1, 2) - 0.7).abs() < 1e-4);
        assert_eq!(packed.bytes_per_server(), 3 * 2 + 4 * 4);
    }

    #[test]
    fn what_is_not_finite_starts_cold() {
        let mut packed = Packed::new(1, (2..5, 7));
        assert!(packed.pack(0, &[0.25; 7]));
        assert!(!packed.pack(0, &[0.25, 0.1, f32::NAN, 0.1, 0.1, 0.1, 1.0]));
        let mut state = [f32::NAN; 7];
        packed.unpack(0, &mut state);
        assert!(state.iter().all(|part| *part == 0.0), "{state:?}");
    }
}
