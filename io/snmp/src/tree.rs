//! All objects of one UPS at one moment, in their order.

use async_snmp::{Oid, Value, VarBind};

use crate::mib::{OBJECTS, Seen};

/// What there is, by name.
pub struct Tree(Vec<VarBind>);

impl Tree {
    /// What there is to be seen.
    pub fn new(seen: Seen<'_>) -> Self {
        let bindings = OBJECTS.iter().flat_map(|object| {
            let name = object.oid();
            let bind = move |(last, value)| VarBind::new(name.child(last), value);
            object.instances(seen).into_iter().map(bind)
        });
        Self(bindings.collect())
    }

    /// What is called so, or why there is nothing (RFC 3416, 4.2.1).
    pub fn get(&self, oid: &Oid) -> VarBind {
        if let Ok(place) = self.0.binary_search_by(|bound| bound.oid.cmp(oid)) {
            return self.0[place].clone();
        }
        let is_known = OBJECTS.iter().any(|object| oid.starts_with(&object.oid()));
        VarBind::new(oid.clone(), if is_known { Value::NoSuchInstance } else { Value::NoSuchObject })
    }

    /// The first behind that name; none when there is none.
    pub fn next(&self, oid: &Oid) -> Option<&VarBind> {
        self.0.get(self.0.partition_point(|bound| bound.oid <= *oid))
    }
}

#[cfg(test)]
impl Tree {
    pub fn all(&self) -> &[VarBind] {
        &self.0
    }
}
