//! The parsed modules of `src`, without the code for tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item};

/// A module with its code. Modules inside the same file are separate modules here.
pub(crate) struct Module {
    /// Path from the root of the crate. `main` for the program.
    pub(crate) path: Vec<String>,
    pub(crate) file: String,
    pub(crate) tokens: TokenStream,
    /// Modules that this one declares.
    pub(crate) children: BTreeSet<String>,
}

/// Root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every module of the library and of the program.
///
/// Follows the module declarations from both roots, so that a file is code for tests exactly if the compiler says so.
pub(crate) fn modules() -> Vec<Module> {
    let mut reader = Reader::default();
    reader.read(&root().join("src/lib.rs"), &[]);
    reader.read(&root().join("src/main.rs"), &["main".to_owned()]);
    let files = reader.seen;
    let missing: Vec<_> = files_under("src", "rs")
        .into_iter()
        .filter(|file| !files.contains(file))
        .collect();
    assert!(missing.is_empty(), "no module declares {missing:?}");
    reader.modules
}

/// Files below a folder of the repository whose names have this ending.
pub(crate) fn files_under(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|given| given == extension) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} is empty");
    found.sort();
    found
}

pub(crate) fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.display().to_string()
}

#[derive(Default)]
struct Reader {
    modules: Vec<Module>,
    /// Files that were read, with those of the tests.
    seen: BTreeSet<PathBuf>,
    is_test: bool,
}

impl Reader {
    fn read(&mut self, file: &Path, path: &[String]) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.seen.insert(file.to_owned());
        let is_root = file
            .file_name()
            .is_some_and(|name| name == "mod.rs" || name == "lib.rs" || name == "main.rs");
        let mut folder = file.parent().unwrap().to_owned();
        if !is_root {
            folder.push(file.file_stem().unwrap());
        }
        self.module(parsed.items, path, file, &folder);
    }

    fn module(&mut self, items: Vec<Item>, path: &[String], file: &Path, folder: &Path) {
        let mut children = BTreeSet::new();
        let mut kept = Vec::new();
        for item in items {
            let was_test = self.is_test;
            self.is_test |= is_for_tests(attributes(&item));
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let path = [path, std::slice::from_ref(&name)].concat();
                    if !self.is_test {
                        children.insert(name.clone());
                    }
                    match module.content {
                        Some((_, items)) => self.module(items, &path, file, &folder.join(&name)),
                        None => self.read(&find(&module.attrs, file, folder, &name), &path),
                    }
                }
                item if !self.is_test => kept.push(item),
                _ => {}
            }
            self.is_test = was_test;
        }
        if self.is_test {
            return;
        }
        let mut tokens = TokenStream::new();
        for mut item in kept {
            WithoutTests.visit_item_mut(&mut item);
            item.to_tokens(&mut tokens);
        }
        self.modules.push(Module {
            path: path.to_vec(),
            file: relative(file),
            tokens,
            children,
        });
    }
}

/// The file of a module that is declared as `mod name;`.
fn find(attributes: &[Attribute], file: &Path, folder: &Path, name: &str) -> PathBuf {
    let given = attributes.iter().find_map(|attribute| {
        let pair = attribute.meta.require_name_value().ok()?;
        let text = pair.value.to_token_stream().to_string();
        pair.path
            .is_ident("path")
            .then(|| text.trim_matches('"').to_owned())
    });
    if let Some(given) = given {
        return file.parent().unwrap().join(given);
    }
    let alone = folder.join(name).with_extension("rs");
    if alone.exists() {
        return alone;
    }
    folder.join(name).join("mod.rs")
}

/// Whether the attributes contain `#[cfg(test)]` or a condition that includes it.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().ok();
        let condition = condition.filter(|_| attribute.path().is_ident("cfg"));
        condition.is_some_and(|condition| names_test(condition.tokens.clone()))
    })
}

/// Whether a condition is true in tests only: `test` itself, or `all(…)` with such a part.
fn names_test(condition: TokenStream) -> bool {
    let parts: Vec<TokenTree> = condition.into_iter().collect();
    match parts.as_slice() {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(group)] if word == "all" => {
            let parts: Vec<_> = group.stream().into_iter().collect();
            parts
                .split(|part| matches!(part, TokenTree::Punct(mark) if mark.as_char() == ','))
                .any(|part| names_test(part.iter().cloned().collect()))
        }
        _ => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Removes the content of items that exist for tests only.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| {
            !is_for_tests(match item {
                syn::ImplItem::Const(item) => &item.attrs,
                syn::ImplItem::Fn(item) => &item.attrs,
                syn::ImplItem::Type(item) => &item.attrs,
                syn::ImplItem::Macro(item) => &item.attrs,
                _ => &[],
            })
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| {
            !is_for_tests(match statement {
                syn::Stmt::Local(local) => &local.attrs,
                syn::Stmt::Item(item) => attributes(item),
                syn::Stmt::Macro(call) => &call.attrs,
                syn::Stmt::Expr(..) => &[],
            })
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// A path in the code, with the prefix of its `use`.
pub(crate) type Segments = Vec<String>;

impl Module {
    /// Paths that the code names, in declarations, types, expressions and macros.
    pub(crate) fn paths(&self) -> Vec<Segments> {
        let mut paths = Vec::new();
        collect(self.tokens.clone(), &[], &mut paths);
        paths
    }

    /// The path from the root of the crate, or `None` if it is in another crate.
    pub(crate) fn resolve(&self, path: &[String]) -> Option<Segments> {
        let (first, rest) = path.split_first()?;
        if rest.is_empty() {
            return None;
        }
        let is_program = self.path.first().is_some_and(|first| first == "main");
        match first.as_str() {
            "scanpost" if is_program => Some(rest.to_vec()),
            "crate" if is_program => Some([&["main".to_owned()], rest].concat()),
            "crate" => Some(rest.to_vec()),
            "self" => Some([&self.path, rest].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let base = &self.path[..self.path.len().checked_sub(up)?];
                Some([base, &path[up..]].concat())
            }
            name if self.children.contains(name) => Some([&self.path, path].concat()),
            _ => None,
        }
    }
}

/// Adds the paths in `tokens`. Inside the braces of a `use`, each of them starts with `prefix`.
fn collect(tokens: TokenStream, prefix: &[String], paths: &mut Vec<Segments>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) => {
                let mut path = [prefix, &[word.to_string()]].concat();
                at += 1;
                if word == "pub" {
                    // A visibility such as `pub(crate)` uses nothing.
                    let scope = matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                    at += usize::from(scope);
                    continue;
                }
                let mut is_whole = true;
                while is_colon(at) && is_colon(at + 1) {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(word)) => {
                            path.push(word.to_string());
                            at += 3;
                        }
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                            collect(group.stream(), &path, paths);
                            at += 3;
                            is_whole = false;
                        }
                        Some(TokenTree::Punct(mark)) if mark.as_char() == '*' => {
                            path.push("*".to_owned());
                            at += 3;
                        }
                        // Type arguments.
                        _ => {
                            at += 2;
                            break;
                        }
                    }
                }
                if is_whole {
                    paths.push(path);
                }
            }
            TokenTree::Group(group) => {
                collect(group.stream(), &[], paths);
                at += 1;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
        }
    }
}

fn parsed(code: &str) -> Module {
    let file = syn::parse_file(code).unwrap();
    let mut reader = Reader::default();
    let path = ["http", "native"].map(str::to_owned);
    reader.module(file.items, &path, Path::new("x.rs"), Path::new("x"));
    reader.modules.pop().unwrap()
}

fn resolved(code: &str) -> BTreeSet<String> {
    let module = parsed(code);
    let paths = module.paths();
    paths
        .iter()
        .filter_map(|path| module.resolve(path))
        .map(|path| path.join("::"))
        .collect()
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let code = "
        mod devices { }
        use crate::{log::{self, Log}, report::*};
        use super::guard::Gate as Door;
        fn call(a: &crate::views::View) -> Vec<super::super::auth::Role> {
            let list = vec![crate::events::one::<crate::fold::Fold>()];
            devices::list(list)
        }
    ";
    let expected = [
        "auth::Role",
        "events::one",
        "fold::Fold",
        "http::guard::Gate",
        "http::native::devices::list",
        "log::Log",
        "log::self",
        "report::*",
        "views::View",
    ];
    assert_eq!(resolved(code), expected.map(str::to_owned).into());
}

#[test]
fn code_for_tests_is_left_out_everywhere() {
    let code = "
        #[cfg(test)] use crate::log::Log;
        #[cfg(all(test, unix))] fn made() -> crate::report::Report { todo!() }
        struct Thing;
        impl Thing {
            #[cfg(test)] fn seen(&self) -> crate::views::View { todo!() }
            fn real(&self) {
                #[cfg(test)] let made = crate::events::Events::new();
                crate::auth::check();
            }
        }
        #[cfg(test)] mod tests { use crate::alerts::Alert; }
        #[cfg(not(test))] use crate::fold::Fold;
    ";
    let expected = ["auth::check", "fold::Fold"];
    assert_eq!(resolved(code), expected.map(str::to_owned).into());
}
