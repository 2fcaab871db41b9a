//! Text as markup, and a check that a page is well-formed.

/// A text as it may stand between tags and in a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// Whether every tag that is opened is closed, in order, and every attribute is quoted. Knows the little HTML that our
/// page uses: no comments, no optional tags.
#[cfg(test)]
pub fn check(page: &str) -> Result<(), String> {
    const VOID: [&str; 2] = ["meta", "br"];
    let mut rest = page.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    let mut open = Vec::new();
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start])?;
        let end = start + rest[start..].find('>').ok_or_else(|| format!("a tag without an end: {}", &rest[start..]))?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
        check_attributes(attributes)?;
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        if name == "style" || name == "script" {
            let raw_end = rest.find(&format!("</{name}>")).ok_or_else(|| format!("<{name}> without an end"))?;
            rest = &rest[raw_end..];
        }
    }
    check_text(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}

#[cfg(test)]
fn check_text(text: &str) -> Result<(), String> {
    let mut pieces = text.split('&').skip(1);
    let is_entity = |piece: &str| ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|name| piece.starts_with(name));
    match pieces.find(|piece| !is_entity(piece)) {
        Some(piece) => Err(format!("a bare &: &{piece}")),
        None if text.contains('>') => Err(format!("a bare >: {text}")),
        None => Ok(()),
    }
}

#[cfg(test)]
fn check_attributes(attributes: &str) -> Result<(), String> {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("not quoted: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or_else(|| format!("no closing quote: {rest}"))?;
        if name.is_empty() || !name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-') {
            return Err(format!("no attribute: {name}"));
        }
        check_text(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_markup_is_escaped() {
        assert_eq!(escaped("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    }

    #[test]
    fn the_check_finds_faults() {
        for (body, is_well_formed) in [
            ("<p>a<br>b</p>", true),
            ("<p class=\"x\" id=\"y\">&lt;</p>", true),
            ("<style>a > b { }</style>", true),
            ("<line x1=\"1\"/>", true),
            ("<p>a", false),
            ("<p><b>a</p></b>", false),
            ("a & b", false),
            ("a > b", false),
            ("<p class=x>a</p>", false),
            ("<p class=\"x>a</p>", false),
            ("<script>1", false),
        ] {
            assert_eq!(check(&format!("<!doctype html>{body}")).is_ok(), is_well_formed, "{body}");
        }
    }
}
