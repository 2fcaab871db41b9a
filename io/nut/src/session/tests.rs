use std::time::Duration;

use ridethrough_core::units::Watts;

use super::*;
use crate::fleet::{Flow, Power};

const USERS: &str = "[[user]]\nname = \"host\"\npassword = \"correct-horse\"\nrole = \"secondary\"\n\
    [[user]]\nname = \"chief\"\npassword = \"battery-staple\"\nrole = \"primary\"\n";

struct Scene {
    desk: Desk,
    board: Arc<ArcSwap<Board>>,
    session: Session,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let ups = |name: &str, tier| Ups {
            name: name.into(),
            description: format!("tier {tier} of \"A1\""),
            location: "hall, row A, rack A1".into(),
            tier,
            limit: Watts::new(24_000),
        };
        let fleet = Arc::new(Fleet::new(vec![ups("A1-tier1", 1), ups("A1-tier4", 4)]).expect("good"));
        let now = Instant::now();
        let one = UpsView {
            charge_percent: Some(81),
            runtime_s: Some(77),
            load: Some(Watts::new(12_000)),
            heard: true,
            ..UpsView::default()
        };
        let last = UpsView { power: Power::Last, flow: Flow::Discharging, ..one };
        let board = Arc::new(ArcSwap::from_pointee(Board { at: Some(now), views: vec![one, last] }));
        let users = Some(Users::parse("nut.users", USERS).expect("good"));
        let desk = Desk::new(fleet, Arc::clone(&board), users);
        Self { desk, board, session: Session::new([127, 0, 0, 1].into()), now }
    }

    fn ask(&mut self, line: &str) -> String {
        self.session.answer(&self.desk, line.as_bytes(), self.now).text()
    }

    fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(self.ask(line), format!("{expected}\n"), "{line}");
    }

    fn log_in(&mut self, name: &str, word: &str) {
        self.check(&format!("USERNAME {name}"), "OK");
        self.check(&format!("PASSWORD {word}"), "OK");
    }
}

#[test]
fn what_is_known_is_told() {
    let mut scene = Scene::new();
    let listed =
        "BEGIN LIST UPS\nUPS A1-tier1 \"tier 1 of \\\"A1\\\"\"\nUPS A1-tier4 \"tier 4 of \\\"A1\\\"\"\nEND LIST UPS";
    scene.check("LIST UPS", listed);
    scene.check("GET VAR a1-tier1 ups.status", "VAR A1-tier1 ups.status \"OL\"");
    scene.check("GET VAR A1-tier4 ups.status", "VAR A1-tier4 ups.status \"FSD OB LB DISCHRG\"");
    scene.check("GET VAR A1-tier1 ups.load", "VAR A1-tier1 ups.load \"50\"");
    scene.check("GET TYPE A1-tier1 ups.load", "TYPE A1-tier1 ups.load NUMBER");
    scene.check("GET TYPE A1-tier1 ups.status", "TYPE A1-tier1 ups.status STRING:2");
    scene.check("GET DESC A1-tier1 ups.status", "DESC A1-tier1 ups.status \"UPS status\"");
    scene.check("GET DESC A1-tier1 no.such", "DESC A1-tier1 no.such \"Description unavailable\"");
    scene.check("GET UPSDESC A1-tier1", "UPSDESC A1-tier1 \"tier 1 of \\\"A1\\\"\"");
    scene.check("LIST RW A1-tier1", "BEGIN LIST RW A1-tier1\nEND LIST RW A1-tier1");
    scene.check("LIST CMD A1-tier1", "BEGIN LIST CMD A1-tier1\nEND LIST CMD A1-tier1");
    let none = "BEGIN LIST ENUM A1-tier1 ups.load\nEND LIST ENUM A1-tier1 ups.load";
    scene.check("LIST ENUM A1-tier1 ups.load", none);
    scene.check("LIST RANGE A1-tier1 ups.load", &none.replace("ENUM", "RANGE"));
    let values = scene.ask("LIST VAR A1-tier1");
    assert!(values.starts_with("BEGIN LIST VAR A1-tier1\nVAR A1-tier1 battery.charge \"81\"\n"), "{values}");
    assert!(values.contains("VAR A1-tier1 battery.runtime \"77\"\n") && values.ends_with("END LIST VAR A1-tier1\n"));
    scene.check("NETVER", "1.3");
    scene.check("PROTVER", "1.3");
    scene.check("GET TRACKING", "OFF");
    assert!(scene.ask("VER").starts_with("Ridethrough ") && scene.ask("HELP").starts_with("Commands: "));
}

#[test]
fn refusals_have_their_codes() {
    let mut scene = Scene::new();
    scene.check("GET VAR Z9 ups.status", "ERR UNKNOWN-UPS");
    scene.check("LIST VAR Z9", "ERR UNKNOWN-UPS");
    scene.check("GET VAR A1-tier1 ups.delay.shutdown", "ERR VAR-NOT-SUPPORTED");
    scene.check("LIST ENUM A1-tier1 no.such", "ERR VAR-NOT-SUPPORTED");
    scene.check("STARTTLS", "ERR FEATURE-NOT-CONFIGURED");
    scene.check("SET TRACKING ON", "ERR FEATURE-NOT-CONFIGURED");
    scene.check("HELO", "ERR UNKNOWN-COMMAND");
    scene.check("GET VAR A1-tier1", "ERR INVALID-ARGUMENT");
    scene.check("GET VAR A1-tier1 \"open", "ERR INVALID-ARGUMENT");
    scene.check("LOGIN A1-tier1", "ERR USERNAME-REQUIRED");
    scene.check("USERNAME host", "OK");
    scene.check("USERNAME host", "ERR ALREADY-SET-USERNAME");
    scene.check("LOGIN A1-tier1", "ERR PASSWORD-REQUIRED");
    scene.check("PASSWORD correct-horse", "OK");
    scene.check("PASSWORD correct-horse", "ERR ALREADY-SET-PASSWORD");
    scene.check("LOGIN Z9", "ERR UNKNOWN-UPS");
    scene.check("LOGIN A1-tier1", "OK");
    scene.check("LOGIN A1-tier1", "ERR ALREADY-LOGGED-IN");
}

#[test]
fn nobody_changes_anything_or_forces_anybody() {
    let mut scene = Scene::new();
    scene.check("FSD A1-tier1", "ERR USERNAME-REQUIRED");
    scene.log_in("chief", "battery-staple");
    scene.check("FSD A1-tier1", "ERR ACCESS-DENIED");
    scene.check("SET VAR A1-tier1 ups.status \"FSD\"", "ERR READONLY");
    scene.check("SET VAR A1-tier1 no.such 1", "ERR VAR-NOT-SUPPORTED");
    scene.check("INSTCMD A1-tier1 load.off", "ERR CMD-NOT-SUPPORTED");
    scene.check("GET CMDDESC A1-tier1 load.off", "ERR CMD-NOT-SUPPORTED");
    scene.check("GET VAR A1-tier1 ups.status", "VAR A1-tier1 ups.status \"OL\"");
}

#[test]
fn logins_are_counted_until_their_connection_ends() {
    let mut scene = Scene::new();
    scene.log_in("host", "correct-horse");
    scene.check("LOGIN A1-tier1", "OK");
    scene.check("GET NUMLOGINS A1-tier1", "NUMLOGINS A1-tier1 1");
    scene.check("GET NUMLOGINS A1-tier4", "NUMLOGINS A1-tier4 0");
    scene.check(
        "LIST CLIENT A1-tier1",
        "BEGIN LIST CLIENT A1-tier1\nCLIENT A1-tier1 127.0.0.1\nEND LIST CLIENT A1-tier1",
    );
    scene.check("PRIMARY A1-tier1", "ERR ACCESS-DENIED");
    assert_eq!(scene.session.answer(&scene.desk, b"LOGOUT", scene.now), Answer::Last("OK Goodbye\n".into()));
    scene.session = Session::new([127, 0, 0, 1].into());
    scene.check("GET NUMLOGINS A1-tier1", "NUMLOGINS A1-tier1 0");
    scene.log_in("chief", "battery-staple");
    scene.check("PRIMARY A1-tier1", "OK PRIMARY-GRANTED");
    scene.check("MASTER A1-tier1", "OK MASTER-GRANTED");
}

#[test]
fn a_wrong_name_or_password_is_told_apart_from_other_refusals() {
    let mut scene = Scene::new();
    scene.log_in("host", "battery-staple");
    assert_eq!(scene.session.answer(&scene.desk, b"LOGIN A1-tier1", scene.now), Answer::Wrong);
    scene.check("LOGIN A1-tier1", "ERR ACCESS-DENIED");
    assert!(!scene.session.is_logged_in());
    scene.desk.users = None;
    scene.session = Session::new([127, 0, 0, 1].into());
    scene.log_in("host", "correct-horse");
    scene.check("LOGIN A1-tier1", "ERR ACCESS-DENIED");
}

#[test]
fn what_is_old_is_not_told_whatever_it_was() {
    let mut scene = Scene::new();
    scene.now += Duration::from_millis(2_001);
    for line in ["GET VAR A1-tier1 ups.status", "GET VAR A1-tier4 ups.status", "LIST VAR A1-tier1", "LIST RW A1-tier1"]
    {
        scene.check(line, "ERR DATA-STALE");
    }
    assert!(scene.ask("LIST UPS").starts_with("BEGIN LIST UPS"), "what never changes is told");
    scene.board.store(Arc::new(Board::default()));
    scene.now -= Duration::from_secs(2);
    scene.check("GET VAR A1-tier1 ups.status", "ERR DATA-STALE");
}
