use std::path::PathBuf;

use super::*;

fn plants() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

const GOOD: &str = r#"name = "x"
about = "something"
row = "a row"
keeps = ["I1"]
plant = "demo"
[[fault]]
at_s = 2
for_s = 5
kind = "kill"
target = "leader"
"#;

fn told(text: &str) -> String {
    Drill::parse("x.toml", text, &plants()).expect_err("it is at fault").to_string()
}

fn check(from: &str, to: &str, words: &str) {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "{from}");
    let told = told(&text);
    assert!(told.contains(words), "{told}");
}

#[test]
fn a_drill_is_read_with_its_defaults() {
    let drill = Drill::parse("x.toml", GOOD, &plants()).expect("good");
    assert_eq!((drill.faults.len(), drill.abort.trips, drill.expect.trips_max), (1, 1, 0));
    assert_eq!(drill.replicas_touched(), 1);
    assert!((drill.seconds() - 7.0).abs() < 1e-9);
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line() {
    check("\"x\"", "\"X y\"", "x.toml:1: name: `X y`");
    check("I1", "I0", "x.toml:4: keeps: `I0`, expected I1 to I9");
    check("\"demo\"", "\"nowhere\"", "x.toml:5: plant: there is no scenario in");
    check("at_s = 2\n", "", "x.toml:6: [[fault]]: at_s is missing");
    check("for_s = 5\n", "", "x.toml:6: [[fault]]: for_s is missing: this lasts until it is ended");
    check("at_s = 2", "at_s = -1", "at_s: -1, expected 0 to 3600 s");
    check("at_s = 2", "at_s = \"soon\"", "at_s: \"soon\", expected");
    check("\"kill\"", "\"tickle\"", "unknown variant `tickle`");
    check("\"leader\"", "\"boss\"", "unknown variant `boss`");
    check("target", "whom", "whom");
    check("[[fault]]", "[expect]\ngap = 3\n[[fault]]", "x.toml:7: unknown field `gap`");
    check("[[fault]]", "[steady]\nwithin_s = 0\n[[fault]]", "steady.within_s: 0, expected");
    check("for_s = 5\nkind = \"kill\"", "for_s = 5\nkind = \"restart\"", "for_s: this is done at once");
    check("\"kill\"\ntarget = \"leader\"", "\"bit_rot\"\ntarget = \"all\"", "`all` can be killed and paused only");
    check("\"kill\"\ntarget = \"leader\"", "\"field_network\"", "expected 1 to 1000 ‰ of something");
    check("\"kill\"\ntarget = \"leader\"", "\"device\"\ndevice = \"kesm K1\"\nfault = \"lying\"", "`share` is missing");
    check(
        "\"kill\"\ntarget = \"leader\"",
        "\"device\"\ndevice = \"kesm K1\"\nfault = \"mute\"\ntimes = 3",
        "`times`: a mute device has none",
    );
    check(
        "\"kill\"\ntarget = \"leader\"",
        "\"other_program\"\ntarget = \"all\"",
        "`all` can be killed and paused only",
    );
    check(
        "\"kill\"\ntarget = \"leader\"",
        "\"out_of_memory\"\ntarget = \"all\"",
        "`all` can be killed and paused only",
    );
    check("for_s = 5\nkind = \"kill\"", "kind = \"out_of_memory\"", "for_s is missing: this lasts until it is ended");
    check("[[fault]]", "begins_with = \"other\"\n[[fault]]", "begins_with: no fault is of kind `other_program`");
    check("[[fault]]", "begins_with = \"older\"\n[[fault]]", "unknown variant `older`");
    check("\"kill\"\ntarget = \"leader\"", "\"replay\"", "for_s: this is done at once");
    assert!(told("name = 3").contains("x.toml:1:"));
    assert!(told(&format!("name = \"x\" # {}", "x".repeat(FILE_BYTES_MAX))).contains("bytes, expected at most"));
    let both = GOOD.replace("I1", "I0").replace("at_s = 2\n", "");
    assert_eq!(told(&both).lines().count(), 2, "all at once");
}

/// An upgrade lasts, or is taken back.
#[test]
fn a_drill_of_two_programs_says_which_one_is_first() {
    let read = |text: &str| Drill::parse("x.toml", text, &plants()).expect("good");
    let back = GOOD.replace("kill", "other_program");
    let stays = back.replace("for_s = 5\n", "").replace("[[fault]]", "begins_with = \"other\"\n[[fault]]");
    let (back, stays) = (read(&back), read(&stays));
    assert!(back.runs_two_programs() && stays.runs_two_programs() && !read(GOOD).runs_two_programs());
    assert_eq!((back.begins_with, back.faults[0].for_s), (Program::Own, Some(5.0)));
    assert_eq!((stays.begins_with, stays.faults[0].for_s), (Program::Other, None));
}

#[test]
fn what_the_site_does_not_have_is_told() {
    let site = Site::parse("demo", include_str!("../../../scenarios/demo/site.toml")).expect("good");
    let of = |fault: &str| {
        let text = GOOD.replace("kind = \"kill\"\ntarget = \"leader\"", fault);
        let drill = Drill::parse("x.toml", &text, &plants()).expect("well-formed");
        drill.check_site("x.toml", &site).map_err(|faults| faults.to_string())
    };
    assert!(of("kind = \"device\"\ndevice = \"kesm K1\"\nfault = \"stuck\"").is_ok());
    let told = of("kind = \"device\"\ndevice = \"K1\"\nfault = \"stuck\"").expect_err("no such device");
    assert!(told.starts_with("x.toml:6: [[fault]]: the site has no device `K1`"), "{told}");
    assert!(of("kind = \"utility\"\nfeed = \"B\"\nshare = 0.0").is_err());
}

/// Every drill that we ship can be run, and is called as its file is.
#[test]
fn every_drill_that_is_shipped_is_good() {
    let folder = plants().join("drills");
    let mut drills = 0;
    for entry in std::fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let drill = Drill::parse(&path.display().to_string(), &text, &plants()).expect("good");
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(drill.name.as_str()));
        drills += 1;
    }
    assert!(drills >= 30, "{drills}");
}
