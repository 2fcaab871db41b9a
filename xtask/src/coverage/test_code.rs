//! Which code is tests: it runs whole by nature, and would lift every figure.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What one source has of it. The source is as rustfmt leaves it: an item ends where its indentation comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct TestCode {
    lines: Vec<RangeInclusive<u64>>,
    /// Files and folders of modules that are compiled for tests alone, without `.rs`.
    modules: Vec<PathBuf>,
}

/// Whether a file is test code by its name or its folder.
pub fn is_of_tests(path: &Path) -> bool {
    path.iter().any(|part| ["tests", "tests.rs", "benches", "examples"].iter().any(|name| part == *name))
}

impl TestCode {
    pub fn of(path: &Path, text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut code = Self { lines: Vec::new(), modules: Vec::new() };
        let mut at = 0;
        while at < lines.len() {
            if !is_for_tests(lines[at].trim_start()) {
                at += 1;
                continue;
            }
            let item = item(&lines, at);
            code.modules.extend(lines.get(item).and_then(|line| module(line)).map(|name| folder(path).join(name)));
            let end = end(&lines, item);
            code.lines.push(number(at)..=number(end));
            at = end + 1;
        }
        code
    }

    pub fn has_line(&self, line: u64) -> bool {
        self.lines.iter().any(|lines| lines.contains(&line))
    }

    /// Whether a file belongs to a module that this source has for tests alone.
    pub fn has_module(&self, path: &Path) -> bool {
        self.modules.iter().any(|module| path.starts_with(module) || path == module.with_extension("rs"))
    }
}

fn is_for_tests(line: &str) -> bool {
    line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,")
}

/// Where the item itself begins: after further attributes and comments.
fn item(lines: &[&str], attribute: usize) -> usize {
    let rest = lines[attribute..].iter();
    let before = rest.take_while(|line| line.trim_start().starts_with("#[") || line.trim_start().starts_with("//"));
    attribute + before.count()
}

fn end(lines: &[&str], item: usize) -> usize {
    let Some(first) = lines.get(item) else { return lines.len() - 1 };
    let indent = indentation(first);
    let is_whole = |line: &str| line.ends_with([';', ',', '}']);
    let ends = |line: &&str| indentation(line) == indent && is_whole(line);
    lines[item..].iter().position(ends).map_or(lines.len() - 1, |further| item + further)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name of a module whose code is elsewhere.
fn module(line: &str) -> Option<&str> {
    let name = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    name.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')
}

/// Where a source's modules lie.
fn folder(path: &Path) -> PathBuf {
    let owns_folder = ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.ends_with(name));
    if owns_folder { path.parent().map_or_else(PathBuf::new, PathBuf::from) } else { path.with_extension("") }
}

fn number(index: usize) -> u64 {
    index as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
#[cfg(test)]
mod cases;
#[cfg(all(test, feature = \"controller\"))]
#[path = \"x.rs\"]
pub(crate) mod shown;

impl Books {
    /// For tests.
    #[cfg(test)]
    fn held(
        &self,
    ) -> usize {
        self.held
    }

    fn left(&self) -> usize {
        self.left
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one() {}
}
";

    #[test]
    fn items_for_tests_are_found_whole() {
        let code = TestCode::of(Path::new("src/books.rs"), SOURCE);
        assert_eq!(code.lines, [1..=2, 3..=5, 9..=14, 21..=25]);
        assert!(code.has_line(13) && !code.has_line(16));
    }

    #[test]
    fn modules_for_tests_are_found_elsewhere() {
        let code = TestCode::of(Path::new("src/books.rs"), SOURCE);
        assert!(code.has_module(Path::new("src/books/cases.rs")));
        assert!(code.has_module(Path::new("src/books/cases/one.rs")));
        assert!(code.has_module(Path::new("src/books/shown.rs")));
        assert!(!code.has_module(Path::new("src/cases.rs")));
        assert!(TestCode::of(Path::new("src/lib.rs"), SOURCE).has_module(Path::new("src/cases.rs")));
    }

    #[test]
    fn folders_and_files_of_tests_are_known_by_name() {
        for (path, is) in [
            ("raft/log/src/tests/cut.rs", true),
            ("core/src/flow/tests.rs", true),
            ("core/benches/plan.rs", true),
            ("core/src/contests.rs", false),
        ] {
            assert_eq!(is_of_tests(Path::new(path)), is, "{path}");
        }
    }

    #[test]
    fn what_is_not_for_tests_stays() {
        let code = TestCode::of(Path::new("src/lib.rs"), "#[cfg(loom)]\nmod loom;\n#[cfg(not(test))]\nfn main() {}\n");
        assert_eq!(code, TestCode { lines: Vec::new(), modules: Vec::new() });
    }
}
