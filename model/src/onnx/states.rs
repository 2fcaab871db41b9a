//! What is carried for each rack, and the rows of those that are stepped together.

use super::Asked;
use crate::forecast::Keep;

/// The state of all racks, and of those of a step before and after it.
#[derive(Debug, Default)]
pub struct States {
    width: usize,
    kept: Vec<f32>,
    before: Vec<f32>,
    after: Vec<f32>,
}

impl States {
    /// Lays out the rows of those that are asked for, of a site of `racks`. Another number of racks than before is another
    /// site: all of them start cold.
    pub fn lay_out(&mut self, (racks, width): (usize, usize), asked: &[Asked]) {
        if self.kept.len() != racks * width {
            self.width = width;
            self.kept.clear();
            self.kept.resize(racks * width, 0.0);
        }
        self.before.clear();
        for asked in asked {
            self.before.extend_from_slice(&self.kept[asked.rack * width..(asked.rack + 1) * width]);
        }
        self.after.resize(self.before.len(), 0.0);
    }

    /// The rows before the step, and room for those after it.
    pub fn rows(&mut self) -> (&[f32], &mut [f32]) {
        (&self.before, &mut self.after)
    }

    /// Keeps what the step made of those whose second has passed. NaN would stay in a rack's state for good, so such a rack
    /// starts cold.
    pub fn keep(&mut self, asked: &[Asked]) {
        for (asked, new) in asked.iter().zip(self.after.chunks_exact(self.width)) {
            if asked.keep == Keep::Provisional {
                continue;
            }
            let kept = &mut self.kept[asked.rack * self.width..(asked.rack + 1) * self.width];
            if new.iter().all(|part| part.is_finite()) {
                kept.copy_from_slice(new);
            } else {
                kept.fill(0.0);
            }
        }
    }

    /// Zeroes one rack's state, which is a cold start.
    pub fn reset(&mut self, rack: usize) {
        if let Some(row) = self.kept.get_mut(rack * self.width..(rack + 1) * self.width) {
            row.fill(0.0);
        }
    }

    /// Forgets all racks.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// The state of one rack; none before its site has been stepped.
    pub fn of(&self, rack: usize) -> Option<&[f32]> {
        self.kept.get(rack * self.width..(rack + 1) * self.width).filter(|row| !row.is_empty())
    }

    #[cfg(test)]
    pub fn all_for_test(&mut self) -> &mut [f32] {
        &mut self.kept
    }
}
