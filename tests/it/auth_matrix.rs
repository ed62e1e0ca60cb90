//! Every route, requested with every role.

use std::fs;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use scanpost::auth::Credentials;
use scanpost::config::AuthMode;
use scanpost::ingest::each_format;
use scanpost::ingest::format::{Format, FormatVisitor};

use crate::auth::key;
use crate::server::{Answer, TestServer};

/// Role that a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing,
    Login,
    Scanreport,
    Readonly,
    Metrics,
    Admin,
    /// Refuses others with 403, as Kismet does there.
    Owner,
}

use Demand::{Admin, Login, Metrics, Nothing, Owner, Readonly, Scanreport};

/// Which role each path needs, by the path of the document. It is written apart from the source, so that a wrong role in
/// the table of routes fails here. The paths of formats are not in it: all of them are `POST` with role `scanreport`.
const ROLES: &str = include_str!("roles.tsv");

/// A route, and who may use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// As in the `OpenAPI` document.
    pub(crate) path: &'static str,
    /// Separated by spaces.
    pub(crate) methods: &'static str,
    pub(crate) demand: Demand,
}

/// The routes of formats.
struct OfFormats(Vec<Expected>);

impl FormatVisitor for OfFormats {
    fn visit<F: Format>(&mut self) {
        self.0.push(Expected {
            path: F::PATH,
            methods: "POST",
            demand: Scanreport,
        });
    }
}

/// All routes. `tests/it/openapi.rs` compares them with the `OpenAPI` document.
pub(crate) fn expected() -> impl Iterator<Item = Expected> {
    let mut of_formats = OfFormats(Vec::new());
    each_format(&mut of_formats);
    assert!(!of_formats.0.is_empty());
    let others = ROLES.lines().map(|line| {
        let cells: Vec<_> = line.split('\t').collect();
        let [methods, path, role] = cells[..] else {
            panic!("roles.tsv: expected methods, path and role in `{line}`");
        };
        let demand = match role {
            "nothing" => Nothing,
            "login" => Login,
            "scanreport" => Scanreport,
            "readonly" => Readonly,
            "metrics" => Metrics,
            "admin" => Admin,
            "owner" => Owner,
            _ => panic!("roles.tsv: no role is called `{role}`"),
        };
        Expected {
            path,
            methods,
            demand,
        }
    });
    others.chain(of_formats.0)
}

impl Expected {
    fn has(self, method: &str) -> bool {
        self.methods.split(' ').any(|known| known == method)
    }

    /// Whether another route has the same path with this method.
    fn has_elsewhere(self, method: &str, routes: &[Self]) -> bool {
        let mut others = routes.iter().filter(|other| other.path == self.path);
        others.any(|other| other.has(method))
    }

    /// The path with a value for each of its parameters.
    pub(crate) fn asked(self) -> String {
        let mut asked = String::new();
        let mut rest = self.path;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').unwrap();
            asked += before;
            asked += match name {
                "field" => "kismet.device.base.name",
                "form" => "csv",
                "format" => "json",
                "kind" if before == "/packetchain/" => "packet_rate",
                "kind" => "found",
                "mac" => "00:00:00:00:00:01",
                "phyname" => "IEEE802.11",
                "path" => "index.html",
                "file" | "timestamp" | "x" | "y" | "z" => "0",
                "version" => "dev",
                "view" => "all",
                "class" | "hash" | "id" | "key" | "name" | "uuid" => "1",
                _ => panic!("{}: no value for {{{name}}} is known", self.path),
            };
            rest = after;
        }
        asked + rest
    }
}

/// Code of a file, without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// Every route comes from the table, and thus is in the document, because no other file creates a router.
#[test]
fn routers_are_made_from_the_table_and_from_nothing_else() {
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut makers = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
                && code(&path).contains("Router::new()")
            {
                makers.push(path);
            }
        }
    }
    let [maker] = &makers[..] else {
        panic!("several files create a router: {makers:?}");
    };
    assert!(maker.ends_with("src/http/routes.rs"), "{maker:?}");
    // One call adds the routes of the table, one adds the fallback.
    let code = code(maker);
    let calls = [
        ".route(",
        ".route_service(",
        ".nest",
        ".merge(",
        ".fallback_service(",
    ];
    let calls = calls.map(|call| code.matches(call).count());
    assert_eq!(calls, [1, 0, 0, 0, 1]);
}

type Prove = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

fn bearer(key: &str) -> Prove {
    let header = format!("Bearer {key}");
    Box::new(move |request| request.header("authorization", &header))
}

#[tokio::test]
async fn each_route_opens_to_its_role_and_to_no_other() {
    let server = TestServer::start_with(|config| config.auth.mode = AuthMode::Required).await;
    let credentials = Credentials::open(server.data()).unwrap();
    credentials.set_password("admin", "the password").unwrap();
    let key = |role: &str| key(&credentials, role);
    let login = server
        .request(Method::GET, "/session/check_login")
        .header("authorization", "Basic YWRtaW46dGhlIHBhc3N3b3Jk");
    let login = Answer::of(login).await.expect_status(200);
    let cookie = login.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let everybody: [(&str, &[Demand], Prove); 10] = [
        ("no credentials", &[Nothing], Box::new(|request| request)),
        (
            "a wrong token",
            &[Nothing],
            bearer("0123456789ABCDEF0123456789ABCDEF"),
        ),
        (
            "a wrong cookie",
            &[Nothing],
            Box::new(|request| request.header("cookie", "KISMET=x")),
        ),
        (
            "empty credentials",
            &[Nothing],
            Box::new(|request| request.header("authorization", "Basic Og==")),
        ),
        (
            "another role",
            &[Nothing, Login],
            bearer(&key("datasource")),
        ),
        (
            "scanreport",
            &[Nothing, Login, Scanreport],
            bearer(&key("scanreport")),
        ),
        (
            "readonly",
            &[Nothing, Login, Readonly, Metrics],
            bearer(&key("readonly")),
        ),
        (
            "metrics",
            &[Nothing, Login, Metrics],
            bearer(&key("metrics")),
        ),
        (
            "admin",
            &[Nothing, Login, Scanreport, Readonly, Metrics, Admin, Owner],
            bearer(&key("admin")),
        ),
        (
            "the administrator's session",
            &[Nothing, Login, Scanreport, Readonly, Metrics, Admin, Owner],
            Box::new(move |request| request.header("cookie", &cookie)),
        ),
    ];
    let mut routes: Vec<_> = expected().collect();
    // The session of the administrator ends there.
    routes.sort_by_key(|route| ["/session/logout", "/api/v1/session"].contains(&route.path));
    for (who, opened, prove) in &everybody {
        for route in &routes {
            let (path, demand) = (&route.asked(), route.demand);
            for method in ["GET", "POST", "PUT", "DELETE"] {
                let request = prove(server.request(method.parse().unwrap(), path));
                if path == "/api/v1/live" && method == "GET" && opened.contains(&demand) {
                    // The stream does not end by itself.
                    let status = request.send().await.unwrap().status();
                    assert_eq!(status, 200, "{method} {path} by {who}");
                    continue;
                }
                let answer = Answer::of(request).await;
                let status = answer.status.as_u16();
                let what = format!("{method} {path} by {who}: {status} {}", answer.text);
                if !route.has(method) {
                    let is_refused = !route.has_elsewhere(method, &routes);
                    assert_eq!(status == 405, is_refused, "{what}");
                } else if opened.contains(&demand) {
                    assert!(!matches!(status, 401 | 403 | 405 | 429), "{what}");
                    assert!(answer.json_or_text(), "{what}");
                } else if demand == Owner {
                    answer.expect_error(403, "only the administrator");
                } else if opened.contains(&Login) {
                    assert!(!answer.headers.contains_key("www-authenticate"), "{what}");
                    answer.expect_error(403, "this login or key has no right to this");
                } else {
                    // A request with a cookie comes from a page, whose browser must not open a window.
                    let challenges = answer.headers.get_all("www-authenticate");
                    let has_basic = challenges
                        .iter()
                        .any(|challenge| challenge == "Basic realm=\"scanpost\"");
                    assert_eq!(has_basic, *who != "a wrong cookie", "{what}");
                    assert!(!answer.headers.contains_key("set-cookie"), "{what}");
                    answer.expect_error(401, "this needs a login or a key with");
                }
            }
        }
        let nowhere = Answer::of(prove(server.request(Method::GET, "/nowhere"))).await;
        nowhere.expect_error(404, "nothing at this path");
    }
}

impl Answer {
    /// Whether the response is the expected one.
    fn json_or_text(&self) -> bool {
        match self.headers["content-type"].to_str().unwrap() {
            "application/json" => serde_json::from_str::<serde_json::Value>(&self.text).is_ok(),
            // One without devices.
            "application/vnd.mapbox-vector-tile" => self.text.is_empty(),
            content_type => [
                "text/plain",
                "text/html",
                "text/csv",
                "application/javascript",
            ]
            .iter()
            .any(|kind| content_type.starts_with(kind)),
        }
    }
}
