//! Names of the parts of a site: where each stands in the site file.

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u16);

        impl $name {
            /// Where it stands in the site's list.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A utility feed, by its place in the site file.
    FeedId
);
index!(
    /// A row of racks, by its place in the site file.
    RowId
);
index!(
    /// A rack, by its place in the site file.
    RackId
);
index!(
    /// A server, by its place in the site file.
    ServerId
);
index!(
    /// A kinetic energy storage module, by its place in the site file.
    KesmId
);
index!(
    /// A tie, by its place in the site file.
    TieId
);
