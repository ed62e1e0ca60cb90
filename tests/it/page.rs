//! The web page, as far as it takes no browser: its files, their headers, and who gets them. `tests/web` shows it in one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use reqwest::{Method, Response};
use scanpost::config::AuthMode;

use crate::server::TestServer;

const MODULES_MAX: usize = 42;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

/// The files that browsers load, with their paths below `web/`.
fn files() -> BTreeSet<String> {
    fn collect(folder: &Path, files: &mut BTreeSet<String>, root: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let extension = path.extension().unwrap_or_default().to_str().unwrap();
            if path.is_dir() {
                if !["vendor/src", "vendor/node_modules", "vendor/licences"].contains(&name) {
                    collect(&path, files, root);
                }
            } else if ["js", "css", "svg", "json"].contains(&extension)
                && !name.starts_with("vendor/package")
                && !name.starts_with('.')
            {
                files.insert(name.to_owned());
            }
        }
    }
    let mut files = BTreeSet::new();
    collect(&folder(), &mut files, &folder());
    files
}

fn source(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn own_scripts() -> impl Iterator<Item = String> {
    let is_script = |name: &String| Path::new(name).extension() == Some("js".as_ref());
    let own = files().into_iter();
    own.filter(move |name| is_script(name) && !name.starts_with("vendor/"))
}

async fn get(server: &TestServer, path: &str) -> Response {
    server.request(Method::GET, path).send().await.unwrap()
}

fn header(answer: &Response, name: reqwest::header::HeaderName) -> &str {
    answer.headers()[name].to_str().unwrap()
}

#[expect(clippy::disallowed_types, reason = "it is our own file")]
fn unpacked(gzip: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip);
    decoder.read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// The texts in quotes behind each `before`.
fn quoted<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
    let starts = text.match_indices(before);
    let rests = starts.filter_map(|(at, _)| text.get(at + before.len()..));
    rests
        .filter_map(|rest| rest.split_once('"').map(|(quoted, _)| quoted))
        .collect()
}

/// The addresses that the document refers to, without what stands before `/ui/assets/`.
fn references(document: &str) -> Vec<String> {
    let mut found = quoted(document, "href=\"");
    found.extend(quoted(document, "src=\""));
    found.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn everybody_gets_the_document_at_every_view() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let mut documents = BTreeSet::new();
    for path in [
        "/",
        "/ui",
        "/ui/",
        "/ui/map?at=47,9.5,12",
        "/ui/device/02:00:5E:10:00:01",
        "/ui/devices.json",
        "/ui/no/such/view",
    ] {
        for accept in ["text/html,*/*;q=0.8", "*/*", "application/json"] {
            let request = server.request(Method::GET, path).header(ACCEPT, accept);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(header(&answer, CONTENT_TYPE), "text/html; charset=utf-8");
            assert_eq!(header(&answer, CACHE_CONTROL), "no-cache");
            assert_eq!(header(&answer, REFERRER_POLICY), "same-origin");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            documents.insert(answer.text().await.unwrap());
        }
    }
    assert_eq!(documents.len(), 1);
    let refused = get(&server, "/api/v1/devices").await;
    assert_eq!(refused.status(), 401, "the data need a role all the same");
}

#[tokio::test]
async fn the_policy_allows_nothing_inline_and_nothing_from_elsewhere() {
    let server = TestServer::start().await;
    for path in ["/", "/ui/assets/dev/app.js"] {
        let answer = get(&server, path).await;
        let policy = header(&answer, CONTENT_SECURITY_POLICY).to_owned();
        let directives: BTreeSet<_> = policy.split("; ").collect();
        for needed in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(directives.contains(needed), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("http"), "{policy}");
    }
    let document = get(&server, "/").await.text().await.unwrap();
    assert!(!document.contains("<style") && !document.contains(" style="));
    let scripts = document.matches("<script").count();
    assert_eq!(
        document.matches("<script type=\"module\" src=").count(),
        scripts
    );
    for reference in references(&document) {
        assert!(reference.starts_with("/ui/assets/"), "{reference}");
    }
}

#[tokio::test]
async fn every_file_has_its_type_and_a_tag_and_comes_as_gzip() {
    let server = TestServer::start().await;
    for name in files() {
        let path = format!("/ui/assets/dev/{name}");
        let request = server.request(Method::GET, &path);
        let answer = request
            .header(ACCEPT_ENCODING, "gzip")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        let media_type = match name.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" => "application/json",
            _ => "image/svg+xml",
        };
        assert_eq!(header(&answer, CONTENT_TYPE), media_type, "{name}");
        assert_eq!(header(&answer, CONTENT_ENCODING), "gzip", "{name}");
        let tag = answer.headers()[ETAG].clone();
        let body = answer.bytes().await.unwrap();
        assert_eq!(
            unpacked(&body),
            fs::read(folder().join(&name)).unwrap(),
            "{name}"
        );

        let again = server.request(Method::GET, &path);
        let again = again.header(ACCEPT_ENCODING, "gzip");
        let again = again.header(IF_NONE_MATCH, tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{name}");
    }
    let plain = server.request(Method::GET, "/ui/assets/dev/icon.svg");
    let plain = plain
        .header(ACCEPT_ENCODING, "identity")
        .send()
        .await
        .unwrap();
    assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
    let text = plain.text().await.unwrap();
    assert_eq!(text, source("icon.svg"));
}

#[tokio::test]
async fn nothing_but_files_of_the_page_is_served() {
    let server = TestServer::start().await;
    for path in [
        "/ui/assets/",
        "/ui/assets/dev",
        "/ui/assets/dev/",
        "/ui/assets/dev/index.html",
        "/ui/assets/dev/lib",
        "/ui/assets/dev/nothing.js",
        "/ui/assets/dev/..%2F..%2FCargo.toml",
        "/ui/assets/dev/lib%2F..%2F..%2FCargo.toml",
        "/ui/assets/dev/%2Fetc%2Fpasswd",
        "/ui/assets/dev/.hidden",
        "/ui/assets/dev/lib%5Capi.js",
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(header(&answer, CONTENT_TYPE), "application/json", "{path}");
    }
    let posted = server.request(Method::POST, "/ui/map").send().await;
    assert_eq!(posted.unwrap().status(), 405);
}

#[tokio::test]
async fn the_document_knows_the_prefix_of_the_address() {
    let server = TestServer::start_with(|config| config.server.uri_prefix = "/scans".into()).await;
    for path in ["/", "/scans", "/scans/", "/scans/ui/map", "/ui/map"] {
        let document = get(&server, path).await.text().await.unwrap();
        assert!(document.contains("data-prefix=\"/scans\""), "{path}");
        let references = references(&document);
        assert!(!references.is_empty());
        for reference in references {
            assert!(reference.starts_with("/scans/ui/assets/"), "{reference}");
            assert_eq!(get(&server, &reference).await.status(), 200, "{reference}");
        }
    }
}

/// A module that is misspelt is found here and not by the first user of its view.
#[test]
fn what_the_files_refer_to_exists() {
    let files = files();
    let mut missing = Vec::new();
    let document = source("index.html");
    for reference in references(&document) {
        let name = reference.trim_start_matches("{{assets}}/").to_owned();
        if !files.contains(&name) {
            missing.push(format!("index.html: {reference}"));
        }
    }
    for name in own_scripts() {
        // Types in comments are for the compiler that checks them.
        let is_code = |line: &&str| !line.trim_start().starts_with(['*', '/']);
        let lines: Vec<_> = source(&name)
            .lines()
            .filter(is_code)
            .map(str::to_owned)
            .collect();
        let text = lines.join("\n");
        let mut imports = quoted(&text, "from \"");
        imports.extend(quoted(&text, "import(\""));
        imports.extend(quoted(&text, "import \""));
        for import in imports.into_iter().filter(|import| import.starts_with('.')) {
            let folder = Path::new(&name).parent().unwrap();
            let mut target = folder.to_owned();
            for part in Path::new(import).components() {
                match part.as_os_str().to_str().unwrap() {
                    "." => {}
                    ".." => assert!(target.pop(), "{name}: {import}"),
                    part => target.push(part),
                }
            }
            if !files.contains(target.to_str().unwrap()) {
                missing.push(format!("{name}: {import}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A text from outside that is written as HTML would run.
#[test]
fn own_scripts_write_no_html_and_no_styles() {
    let mut wrong = Vec::new();
    for name in own_scripts() {
        for (number, line) in source(&name).lines().enumerate() {
            let forbidden = [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "unsafeHTML",
                "cssText",
                " style=",
                "createPolicy",
                "https://",
            ];
            let is_comment =
                line.trim_start().starts_with("//") || line.trim_start().starts_with('*');
            if let Some(found) = forbidden
                .iter()
                .find(|text| line.contains(**text) && !is_comment)
            {
                wrong.push(format!("{name}:{}: {found}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A text that only one language has would be shown as its key to readers of the other.
#[test]
fn every_text_is_there_in_every_language() {
    let files = files();
    let texts = |name: &str| -> BTreeSet<String> {
        let parsed: serde_json::Value = serde_json::from_str(&source(name)).unwrap();
        let object = parsed.as_object().unwrap();
        assert!(
            object
                .values()
                .all(|text| !text.as_str().unwrap().trim().is_empty()),
            "{name}"
        );
        object.keys().cloned().collect()
    };
    let english = files.iter().filter(|name| name.starts_with("lang/en"));
    let mut compared = 0;
    for name in english {
        let german = name.replacen("lang/en", "lang/de", 1);
        assert!(files.contains(&german), "{german} is missing");
        assert_eq!(texts(name), texts(&german), "{name}");
        compared += 1;
    }
    let german = files.iter().filter(|name| name.starts_with("lang/de"));
    assert_eq!(german.count(), compared);
    assert!(5 < compared);
}

/// Browsers load each module with a request of its own.
#[test]
fn the_page_stays_small() {
    let modules = own_scripts().count();
    assert!(modules <= MODULES_MAX, "{modules} modules");
    let long: Vec<_> = own_scripts()
        .filter(|name| 400 < source(name).lines().count())
        .collect();
    assert!(long.is_empty(), "over 400 lines: {long:?}");
}
