//! Parses circom's printed output into [`Diagnostic`]s:
//!
//! ```text
//! error[T2021]: text          or warning[...]: text
//!   ┌─ "file":line:column
//!   │   ^^^^ label
//!   = note
//! ```
//!
//! All lines after the first are optional.

use super::Diagnostic;

/// Maximum number of errors kept, and of warnings.
const MAX_KEPT: usize = 64;
/// Maximum characters kept of one message.
const MAX_CHARS: usize = 1000;

/// Errors and warnings, each in the order in which circom printed them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Diagnostics {
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Parses circom's output; colour codes are allowed.
pub(super) fn parse(output: &str) -> Diagnostics {
    let mut all = Diagnostics::default();
    let mut current: Option<(bool, Diagnostic)> = None;
    for line in without_colours(output).lines() {
        if let Some(head) = heading(line) {
            all.keep(current.replace(head));
        } else if line.trim().is_empty() {
            all.keep(current.take());
        } else if let Some((_, diagnostic)) = &mut current {
            detail(line.trim(), diagnostic);
        }
    }
    all.keep(current);
    all
}

impl Diagnostics {
    fn keep(&mut self, found: Option<(bool, Diagnostic)>) {
        let Some((is_error, diagnostic)) = found else { return };
        let list = if is_error { &mut self.errors } else { &mut self.warnings };
        if list.len() < MAX_KEPT {
            list.push(diagnostic);
        }
    }
}

/// Parses `error[code]: text` or `warning[code]: text`; `true` for an error.
fn heading(line: &str) -> Option<(bool, Diagnostic)> {
    let (is_error, rest) = match line.strip_prefix("error") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("warning")?),
    };
    let (code, text) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").map(|(code, text)| (Some(code.to_owned()), text))?,
        None => (None, rest.strip_prefix(':')?),
    };
    let message = text.trim().chars().take(MAX_CHARS).collect();
    Some((is_error, Diagnostic { code, file: None, line: None, message }))
}

/// Adds a line that follows the heading: the place, a label or a note.
fn detail(line: &str, diagnostic: &mut Diagnostic) {
    if let Some(place) = line.strip_prefix("┌─") {
        if let Some((file, rest)) = place.trim().strip_prefix('"').and_then(|p| p.split_once("\":")) {
            diagnostic.file = Some(file.trim_start_matches("./").to_owned());
            diagnostic.line = rest.split(':').next().and_then(|number| number.parse().ok());
        }
    } else if let Some(note) = line.strip_prefix("= ") {
        append(diagnostic, note.trim());
    } else if let Some(marked) = line.strip_prefix('│')
        && let Some((before, label)) = marked.rsplit_once(['^', '-'])
        && before.chars().all(|c| " ^-│╭╰─'|".contains(c))
    {
        append(diagnostic, label.trim());
    } else if let Some(caller) = line.strip_prefix("->") {
        append(diagnostic, caller.trim());
    }
}

fn append(diagnostic: &mut Diagnostic, text: &str) {
    if !text.is_empty() && diagnostic.message.chars().count() + text.chars().count() < MAX_CHARS {
        let separator = if diagnostic.message.ends_with(':') { " " } else { ": " };
        diagnostic.message.push_str(separator);
        diagnostic.message.push_str(text);
    }
}

/// Removes ANSI colour sequences, `ESC [ ... m`.
pub(super) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(code: &str, file: Option<&str>, line: Option<u32>, message: &str) -> Diagnostic {
        let (code, file) = (Some(code.to_owned()), file.map(str::to_owned));
        Diagnostic { code, file, line, message: message.to_owned() }
    }

    /// Output of circom 2.2.3.
    const UNDECLARED: &str = "\u{1b}[0m\u{1b}[1m\u{1b}[38;5;11mwarning[P1004]\u{1b}[0m\u{1b}[1m: File \"t.circom\" does not include pragma version. Assuming pragma version 2.2.3\u{1b}[0m\n \u{1b}[0m\u{1b}[34m=\u{1b}[0m At the beginning of file \"t.circom\", you should add the directive \"pragma circom <Version>\", to indicate which compiler version you are using.\n\n\u{1b}[0m\u{1b}[1m\u{1b}[38;5;9merror[T2021]\u{1b}[0m\u{1b}[1m: Undeclared symbol\u{1b}[0m\n  \u{1b}[0m\u{1b}[34m┌─\u{1b}[0m \"t.circom\":1:31\n  \u{1b}[0m\u{1b}[34m│\u{1b}[0m\n\u{1b}[0m\u{1b}[34m1\u{1b}[0m \u{1b}[0m\u{1b}[34m│\u{1b}[0m template A(){ signal input a; \u{1b}[0m\u{1b}[31mb <== a\u{1b}[0m; } component main = A();\n  \u{1b}[0m\u{1b}[34m│\u{1b}[0m                               \u{1b}[0m\u{1b}[31m^^^^^^^\u{1b}[0m \u{1b}[0m\u{1b}[31mUsing unknown symbol\u{1b}[0m\n\n\u{1b}[31mprevious errors were found\u{1b}[0m\n";

    #[test]
    fn code_file_line_and_text_are_read() {
        let found = parse(UNDECLARED);
        let message = "Undeclared symbol: Using unknown symbol";
        assert_eq!(found.errors, [diagnostic("T2021", Some("t.circom"), Some(1), message)]);
        assert_eq!(found.warnings.len(), 1);
        assert_eq!(found.warnings[0].code.as_deref(), Some("P1004"));
    }

    #[test]
    fn several_messages_and_call_traces_are_read() {
        let text = "error[T3001]: False assert reached\n  ┌─ \"a/b.circom\":12:72\n  │\n12 │ assert(1==0);\n  │ ^^^^ found here\n  │\n  = call trace:\n    ->A\n    ->B\nerror[P1014]:  The file x has not been found\n = Consider -l\n";
        let trace = "False assert reached: found here: call trace: A: B";
        let missing = "The file x has not been found: Consider -l";
        assert_eq!(
            parse(text).errors,
            [
                diagnostic("T3001", Some("a/b.circom"), Some(12), trace),
                diagnostic("P1014", None, None, missing)
            ]
        );
    }

    #[test]
    fn any_text_is_read_and_what_is_kept_is_bounded() {
        let found = parse(&format!("error[X]: {}\n\n", "y".repeat(5000)).repeat(500));
        assert_eq!(found.errors.len(), MAX_KEPT);
        assert!(found.errors.iter().all(|error| error.message.len() <= MAX_CHARS));
        proptest::proptest!(|(text in "(error|warning|\\[|\\]:|┌─|│|\\^|= |\u{1b}\\[|[a-z0-9\":\n])*")| {
            parse(&text);
        });
    }
}
