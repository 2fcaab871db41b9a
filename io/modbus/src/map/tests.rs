use ridethrough_core::units::Millis;

use super::*;
use crate::layout::{Counts, Layout};
use crate::shown::SiteShown;

const README: &str = include_str!("../../README.md");

fn layout() -> Layout {
    Layout::new(2, [0xab; 32], Counts { racks: 2, kesms: 1, feeds: 1 }).expect("small")
}

/// A table as the page has it; `before` is what stands before a place.
fn table<V>(block: &Block<V>, before: &str, base: u16) -> String {
    let row = |field: &Field<V>| {
        let kind = format!("{:?}", field.kind).to_lowercase();
        format!("| {before}{} | {kind} | {} | {} |\n", base + field.at, field.name, field.what)
    };
    let rows: String = block.fields.iter().map(row).collect();
    format!("| register | as | name | is |\n|---|---|---|---|\n{rows}\n")
}

#[test]
fn the_page_has_every_register_and_no_other() {
    let tables = [
        table(&IDENTITY, "", 0),
        table(&SITE, "", SITE_BASE),
        table(&RACK, "+", 0),
        table(&KESM, "+", 0),
        table(&FEED, "+", 0),
    ];
    for table in &tables {
        assert!(README.contains(table), "README.md has no such table:\n{table}");
    }
    assert_eq!(README.matches("| register | as | name | is |").count(), tables.len());
    for (what, size) in [("rack", RACK.size), ("module", KESM.size), ("feed", FEED.size)] {
        assert!(README.contains(&format!("{size} registers for each {what}")), "{what}: {size}");
    }
}

fn in_order<V>(block: &Block<V>) {
    let mut free = 0;
    for field in block.fields {
        assert!(usize::from(field.at) >= free, "{}: it begins within another", field.name);
        free = usize::from(field.at) + field.kind.words();
    }
    assert!(free <= usize::from(block.size));
}

#[test]
fn no_field_stands_in_another() {
    in_order(&IDENTITY);
    in_order(&SITE);
    in_order(&RACK);
    in_order(&KESM);
    in_order(&FEED);
}

#[test]
fn the_identity_leads_to_every_block() {
    let registers = layout().identity(Some(250));
    assert_eq!(registers[..2], [0x5254, 1]);
    assert_eq!(registers[5..11], [2, 0xabab, 0xabab, 250, 0, 64 + 24 + 8 + 3]);
    assert_eq!(registers[11..21], [32, 64, 12, 2, 88, 8, 1, 96, 3, 1]);
    assert_eq!(layout().identity(None)[8], 65_535, "nothing was ever known");
}

#[test]
fn a_rack_rounds_what_is_used_up_and_what_is_left_down() {
    let rack = RackShown {
        load: Some(Watts::new(19_901)),
        draw: Some(Watts::new(20_050)),
        limit: Watts::new(19_999),
        at_risk: true,
        ..RackShown::default()
    };
    let words = RACK.write(&rack);
    assert_eq!(words, [0, 200, 0, 201, 0, 199, 0xffff, 0xfffe, 0xffff, 0xffff, 1, 0], "2 below nothing, no cap");
    let silent = RACK.write(&RackShown { load: None, draw: None, cap: Some(Watts::new(7_000_000)), ..rack });
    assert_eq!(silent[..4], [0xffff; 4]);
    assert_eq!(silent[6..10], [0x8000, 0, 1, 0x1170], "headroom is not known; 70,000 is 0x11170");
}

#[test]
fn a_module_and_a_feed_say_what_they_do() {
    let kesm = KesmShown {
        stored: Some(Joules::new(1_500_999)),
        capacity: Joules::new(2_000_000),
        supply: Some(Watts::new(-12_050)),
        state: KesmState::Charges,
    };
    assert_eq!(KESM.write(&kesm), [750, 2, 0, 1_500, 0xffff, 0xff88, 0, 2_000]);
    let silent = KesmShown { stored: None, supply: None, state: KesmState::Silent, ..kesm };
    assert_eq!(KESM.write(&silent), [0xffff, 3, 0xffff, 0xffff, 0x8000, 0, 0, 2_000]);
    let feed = FeedShown { mode: Some(Mode::OrderlyShutdown), since: Millis::seconds(70_000) };
    assert_eq!(FEED.write(&feed), [3, 1, 0x1170]);
    assert_eq!(FEED.write(&FeedShown { mode: None, ..feed })[0], 0xffff);
}

#[test]
fn sums_are_unknown_while_a_part_is() {
    let rack = RackShown { load: Some(Watts::new(1_000)), limit: Watts::new(24_000), ..RackShown::default() };
    let site = SiteShown {
        leader: Some(3),
        standing: Standing::Leads,
        term: 9,
        commit: 1 << 32,
        alarms: [1, 2, 3],
        alarms_unseen: 4,
        transfers: 5,
        devices_heard: 6,
        devices: 7,
        ..SiteShown::default()
    };
    let kesm = KesmShown { stored: Some(Joules::new(5_000)), capacity: Joules::new(9_000), ..KesmShown::default() };
    let feeds = vec![FeedShown { mode: Some(Mode::Recovery), since: Millis::ZERO }];
    let shown = Shown { site, racks: vec![RackShown { at_risk: true, ..rack }, rack], kesms: vec![kesm], feeds };
    let words = SITE.write(&shown);
    assert_eq!(words[..18], [0, 3, 2, 0, 9, 0, 1, 0, 0, 1, 2, 3, 4, 5, 1, 6, 7, 1]);
    assert_eq!(words[18..28], [0, 20, 0xffff, 0xffff, 0, 480, 0, 5, 0, 9], "no draw is heard");
}
