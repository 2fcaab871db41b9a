//! What a replica says of its forecasts.

use bincode::{Decode, Encode};
use ridethrough_core::fallback::{Change, ForecastNote, Part, Tally};
use ridethrough_core::forecast::RuleReason;
use ridethrough_core::site::{RackId, RowId};

use super::numbers::{engine, engine_number, rule, rule_number};
use crate::codec::CodecError;

#[derive(Encode, Decode)]
pub(super) struct ForecastNoteV2 {
    engine: Option<u8>,
    changes: Vec<ChangeV2>,
    more: Vec<TallyV2>,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ChangeV2 {
    part: PartV2,
    rule: Option<u8>,
}

#[derive(Clone, Copy, Encode, Decode)]
enum PartV2 {
    Rack(u16),
    Row(u16),
}

#[derive(Clone, Copy, Encode, Decode)]
struct TallyV2 {
    rule: Option<u8>,
    parts: u32,
}

fn rule_of(number: Option<u8>) -> Result<Option<RuleReason>, CodecError> {
    number.map(rule).transpose()
}

impl From<&ForecastNote> for ForecastNoteV2 {
    fn from(note: &ForecastNote) -> Self {
        let change = |change: &Change| ChangeV2 {
            part: match change.part {
                Part::Rack(id) => PartV2::Rack(id.0),
                Part::Row(id) => PartV2::Row(id.0),
            },
            rule: change.rule.map(rule_number),
        };
        let tally = |tally: &Tally| TallyV2 { rule: tally.rule.map(rule_number), parts: tally.parts };
        Self {
            engine: note.engine.map(engine_number),
            changes: note.changes.iter().map(change).collect(),
            more: note.more.iter().map(tally).collect(),
        }
    }
}

impl TryFrom<ForecastNoteV2> for ForecastNote {
    type Error = CodecError;

    fn try_from(v2: ForecastNoteV2) -> Result<Self, CodecError> {
        let change = |change: ChangeV2| {
            let part = match change.part {
                PartV2::Rack(id) => Part::Rack(RackId(id)),
                PartV2::Row(id) => Part::Row(RowId(id)),
            };
            Ok(Change { part, rule: rule_of(change.rule)? })
        };
        let tally = |tally: TallyV2| Ok(Tally { rule: rule_of(tally.rule)?, parts: tally.parts });
        Ok(Self {
            engine: v2.engine.map(engine).transpose()?,
            changes: v2.changes.into_iter().map(change).collect::<Result<_, CodecError>>()?,
            more: v2.more.into_iter().map(tally).collect::<Result<_, CodecError>>()?,
        })
    }
}
