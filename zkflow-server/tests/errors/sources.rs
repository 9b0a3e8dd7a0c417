//! Reads the codes from the sources of all crates.
//!
//! A code is written in one of four ways. Any other form panics, so that no code is missed:
//! - a literal in `fn code` of an `impl Classified`;
//! - a literal in a call of `Problem::new` or `Problem::bad_request`;
//! - a literal in a call of a constructor of `JobError`;
//! - a literal or a constant in the field `code` of a `Failure`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Arm, Attribute, Expr, ImplItem, ImplItemFn, Item, Lit, Pat, Stmt};

use super::Codes;

const PACKAGES: [&str; 8] = [
    "zkflow-groth16",
    "zkflow-circom",
    "zkflow-core",
    "zkflow-store",
    "zkflow-queue",
    "zkflow-evm",
    "zkflow-server",
    "zkflow-cli",
];

/// The error type that becomes HTTP answers.
const REQUEST: &str = "RequestError";

/// One occurrence of a code.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) code: String,
    pub(super) package: String,
    /// Variant of `ErrorKind`; `None` outside of `impl Classified`.
    pub(super) kind: Option<String>,
    /// HTTP status of an answer with this code.
    pub(super) status: Option<u16>,
    /// Error type, if the code is in an `impl Classified`.
    class: Option<String>,
}

/// Everything that the sources contain about codes.
#[derive(Debug, Default)]
pub(super) struct Sources {
    origins: Vec<Origin>,
    /// Values of string constants, by name.
    constants: BTreeMap<String, String>,
    /// Codes given by constants.
    named: Vec<(String, String)>,
    /// Types of the fields of variants, by `Type::Variant`.
    fields: BTreeMap<String, String>,
    /// Variants that delegate their code to their field, as type and variant.
    delegated: Vec<(String, String)>,
}

impl Sources {
    /// Parses all crates.
    pub(super) fn read() -> Self {
        let mut sources = Self::default();
        for package in PACKAGES {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
            sources.read_folder(package, &folder);
        }
        for (package, name) in std::mem::take(&mut sources.named) {
            let code = sources.constants.get(&name).unwrap_or_else(|| panic!("{name} is not a text")).clone();
            sources.origins.push(Origin { code, package, kind: None, status: None, class: None });
        }
        let answered = sources.answered();
        for origin in &mut sources.origins {
            let (Some(class), Some(kind)) = (&origin.class, &origin.kind) else { continue };
            origin.status = origin.status.or_else(|| answered.contains(class).then(|| status(kind)));
        }
        sources
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.origins.iter()
    }

    /// The origins of each code.
    pub(super) fn codes(&self) -> Codes {
        let mut codes = Codes::new();
        for origin in &self.origins {
            codes.entry(origin.code.clone()).or_default().push(origin.clone());
        }
        codes
    }

    /// [`REQUEST`] and the types that it delegates to.
    fn answered(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::from([REQUEST.to_owned()]);
        loop {
            let handed_on = self.delegated.iter().filter(|(class, _)| found.contains(class));
            let more: Vec<_> = handed_on
                .filter_map(|(class, variant)| self.fields.get(&format!("{class}::{variant}")))
                .collect();
            let before = found.len();
            found.extend(more.into_iter().cloned());
            if found.len() == before {
                return found;
            }
        }
    }

    fn read_folder(&mut self, package: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() {
                // Tests and suites contain invented codes.
                if name != "conformance" && name != "tests" {
                    self.read_folder(package, &path);
                }
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
                let place = path.to_str().unwrap().to_owned();
                Reader { sources: self, package, place }.visit_file(&file);
            }
        }
    }
}

/// Status of an answer for a kind, as `http::problem` decides; [`status_of_variant`] has the exceptions.
fn status(kind: &str) -> u16 {
    match kind {
        "Invalid" | "Limit" => 422,
        "NotFound" => 404,
        "Conflict" => 409,
        "Unavailable" => 503,
        "Corrupt" | "Internal" => 500,
        other => panic!("ErrorKind::{other} has no status"),
    }
}

fn status_of_variant(class: &str, variant: &str) -> Option<u16> {
    match (class, variant) {
        (REQUEST, "Forbidden" | "NotOwner") | ("AuthError", "Scope") | ("DeployError", "ForeignNode") => {
            Some(403)
        }
        ("AuthError", "Missing" | "Refused") => Some(401),
        ("CeremonyRefusal", "Full" | "TooMany") | ("AuthError", "TooManyUnknown") => Some(429),
        (
            REQUEST,
            "Overloaded"
            | "ShareUsed"
            | "TooManyChanges"
            | "TooManyRenderings"
            | "TooManyUploads"
            | "CircuitQuota"
            | "Plan"
            | "TooManyWatchers"
            | "TooManyDownloads"
            | "TooManyVerifications",
        ) => Some(429),
        _ => None,
    }
}

struct Reader<'a> {
    sources: &'a mut Sources,
    package: &'a str,
    place: String,
}

impl Reader<'_> {
    fn add(&mut self, code: String, status: Option<u16>) {
        let package = self.package.to_owned();
        self.sources.origins.push(Origin { code, package, kind: None, status, class: None });
    }

    /// Reads `impl Classified for class`.
    fn classified(&mut self, class: &str, items: &[ImplItem]) {
        let body = |name: &str| {
            let found = items.iter().find_map(|item| match item {
                ImplItem::Fn(function) if function.sig.ident == name => Some(result(function)),
                _ => None,
            });
            found.flatten().unwrap_or_else(|| panic!("{}: {class} has no readable fn {name}", self.place))
        };
        let (kinds, codes) = (arms(body("kind")), arms(body("code")));
        for (variants, value) in codes {
            if let Expr::MethodCall(call) = value {
                assert_eq!(call.method, "code", "{}: unknown form of a code of {class}", self.place);
                self.sources
                    .delegated
                    .extend(variants.into_iter().map(|variant| (class.to_owned(), variant)));
                continue;
            }
            let code =
                text(value).unwrap_or_else(|| panic!("{}: unknown form of a code of {class}", self.place));
            // A type without variants has one kind.
            let variants = if variants.is_empty() { vec![String::new()] } else { variants };
            for variant in variants {
                let kind = kinds.iter().find(|(of, _)| of.is_empty() || of.contains(&variant));
                let kind = kind.and_then(|(_, kind)| last_of_path(kind));
                let kind = kind.unwrap_or_else(|| panic!("{}: no kind of {class}::{variant}", self.place));
                self.sources.origins.push(Origin {
                    code: code.clone(),
                    package: self.package.to_owned(),
                    kind: Some(kind),
                    status: status_of_variant(class, &variant),
                    class: Some(class.to_owned()),
                });
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (Item::Mod(syn::ItemMod { attrs, .. }) | Item::Fn(syn::ItemFn { attrs, .. })) = item else {
            return visit::visit_item(self, item);
        };
        if !attrs.iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if let Some(value) = text(&item.expr) {
            self.sources.constants.insert(item.ident.to_string(), value);
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        for variant in &item.variants {
            if let Some(syn::Type::Path(path)) = variant.fields.iter().next().map(|field| &field.ty) {
                let class = path.path.segments.last().map(|segment| segment.ident.to_string());
                let name = format!("{}::{}", item.ident, variant.ident);
                self.sources.fields.extend(class.map(|class| (name, class)));
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        match (of.is_some_and(|segment| segment.ident == "Classified"), &*item.self_ty) {
            (true, syn::Type::Path(class)) => {
                let class = class.path.segments.last().unwrap().ident.to_string();
                self.classified(&class, &item.items);
            }
            _ => visit::visit_item_impl(self, item),
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let Expr::Path(function) = &*call.func else { return };
        let names: Vec<_> = function.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let in_problem = self.place.ends_with("http/problem.rs");
        let (code, status) = match names.as_slice() {
            [.., "Problem", "new"] => (1, named_status(&call.args[0])),
            ["Self", "new"] if in_problem => (1, named_status(&call.args[0])),
            [.., "Problem", "bad_request"] => (0, Some(400)),
            ["Self", "bad_request"] if in_problem => (0, Some(400)),
            [.., "JobError", "retry" | "fatal" | "give_back"] => (0, None),
            _ => return,
        };
        match (&call.args[code], text(&call.args[code])) {
            (_, Some(code)) => self.add(code, status),
            // The code of another error, which is read at its own place.
            (Expr::MethodCall(inner), _) if inner.method == "code" => {}
            (Expr::Path(_), _) if in_problem => {}
            _ => panic!("{}: unknown form of a code in a call of {names:?}", self.place),
        }
    }

    fn visit_expr_struct(&mut self, value: &'ast syn::ExprStruct) {
        visit::visit_expr_struct(self, value);
        if value.path.segments.last().is_none_or(|segment| segment.ident != "Failure") {
            return;
        }
        for field in &value.fields {
            let syn::Member::Named(name) = &field.member else { continue };
            if name != "code" {
                continue;
            }
            let Expr::MethodCall(owned) = &field.expr else {
                panic!("{}: unknown form of a code in a Failure", self.place)
            };
            match (&*owned.receiver, text(&owned.receiver)) {
                (_, Some(code)) => self.add(code, None),
                (Expr::Path(path), _) => {
                    let name = path.path.segments.last().unwrap().ident.to_string();
                    self.sources.named.push((self.package.to_owned(), name));
                }
                // The code of another error, which is read at its own place.
                (Expr::MethodCall(inner), _) if inner.method == "code" => {}
                (Expr::Field(_), _) => {}
                _ => panic!("{}: unknown form of a code in a Failure", self.place),
            }
        }
    }
}

/// The last expression of a function.
fn result(function: &ImplItemFn) -> Option<&Expr> {
    match function.block.stmts.as_slice() {
        [Stmt::Expr(value, None)] => Some(value),
        _ => None,
    }
}

/// The arms of a match with their variants, none for `_`. A single value counts as one arm for all variants.
fn arms(value: &Expr) -> Vec<(Vec<String>, &Expr)> {
    match value {
        Expr::Match(of) => of.arms.iter().map(|Arm { pat, body, .. }| (variants(pat), plain(body))).collect(),
        _ => vec![(Vec::new(), value)],
    }
}

/// The value of a block that contains only this value.
fn plain(value: &Expr) -> &Expr {
    match value {
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [Stmt::Expr(inner, None)] => plain(inner),
            _ => value,
        },
        _ => value,
    }
}

fn variants(pattern: &Pat) -> Vec<String> {
    let last = |path: &syn::Path| vec![path.segments.last().unwrap().ident.to_string()];
    match pattern {
        Pat::Or(or) => or.cases.iter().flat_map(variants).collect(),
        Pat::TupleStruct(of) => last(&of.path),
        Pat::Struct(of) => last(&of.path),
        Pat::Path(of) => last(&of.path),
        Pat::Wild(_) => Vec::new(),
        _ => panic!("unknown form of a pattern in fn code or fn kind"),
    }
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn last_of_path(value: &Expr) -> Option<String> {
    match value {
        Expr::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The number of `StatusCode::NAME`; `None` for a variable.
fn named_status(value: &Expr) -> Option<u16> {
    let name = last_of_path(value)?;
    let reason = |code: u16| axum::http::StatusCode::from_u16(code).ok()?.canonical_reason();
    (100..600).find(|code| {
        let found = reason(*code).map(|reason| reason.to_ascii_uppercase().replace([' ', '-'], "_"));
        found.as_deref() == Some(name.as_str())
    })
}

fn is_test(attribute: &Attribute) -> bool {
    let names_test =
        |list: &syn::MetaList| list.tokens.to_string().split([',', '(', ' ']).any(|word| word == "test");
    attribute.path().is_ident("test")
        || attribute.meta.require_list().is_ok_and(|list| list.path.is_ident("cfg") && names_test(list))
}
