//! The two networks that every frame goes out on.

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lan {
    /// The first.
    A,
    /// The second.
    B,
}

impl Lan {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Where it stands in a list of both.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The one beside it.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// That of two things which is this network's.
    pub const fn of<T>(self, both: &[T; 2]) -> &T {
        let [a, b] = both;
        match self {
            Self::A => a,
            Self::B => b,
        }
    }

    /// That of two things which is this network's, to change.
    pub const fn of_mut<T>(self, both: &mut [T; 2]) -> &mut T {
        let [a, b] = both;
        match self {
            Self::A => a,
            Self::B => b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_own_place_and_name() {
        let mut both = ["one", "two"];
        for (place, (lan, name)) in Lan::ALL.into_iter().zip(["a", "b"]).enumerate() {
            assert_eq!((lan.index(), lan.name(), *lan.of(&both)), (place, name, both[place]));
            *lan.of_mut(&mut both) = name;
            assert_eq!(lan.other().other(), lan);
        }
        assert_eq!(both, ["a", "b"]);
    }
}
