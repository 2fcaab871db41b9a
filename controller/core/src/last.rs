//! A list of the last so many, oldest first.

/// At most `N` items; the oldest makes room for the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Last<T, N> {
    /// The last of these, which come in order.
    pub(crate) fn of(mut items: Vec<T>) -> Self {
        items.drain(..items.len().saturating_sub(N));
        Self(items)
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.0.len() == N {
            self.0.remove(0);
        }
        self.0.push(item);
    }

    pub(crate) fn items(&self) -> &[T] {
        &self.0
    }

    pub(crate) fn items_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T, const N: usize> Default for Last<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut last = Last::<u8, 3>::default();
        (1..=5).for_each(|item| last.push(item));
        assert_eq!((last.items(), Last::of(vec![1, 2, 3, 4, 5])), (&[3, 4, 5][..], last.clone()));
        assert_eq!(Last::<u8, 3>::of(vec![7]).items(), [7]);
    }
}
