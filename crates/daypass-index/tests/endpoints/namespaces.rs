//! Names that belong together, and to somebody (PEP 752).

use axum::http::{Request, StatusCode};
use daypass_index::{IndexSpec, Namespace, Namespaces};
use daypass_testkit::{upstream::Upstream, wheel::Wheel};
use serde_json::json;

use crate::world::{World, basic};

async fn world(upstream: &Upstream) -> World {
    let namespace = |name: &str, owner: Option<&str>| Namespace {
        name: name.parse().unwrap(),
        owner: owner.map(ToOwned::to_owned),
    };
    let namespaces =
        vec![namespace("acme", Some("the tools team")), namespace("acme-core", None), namespace("zebra", None)];
    let mut spec = IndexSpec::simple("python".parse().unwrap(), Some(upstream.url().parse().unwrap()));
    spec.namespaces = Namespaces::new(namespaces).unwrap();
    World::made_of(vec![spec]).await
}

#[tokio::test]
async fn namespaces_are_listed_and_shown() {
    let world = world(&Upstream::start()).await;
    let list = world.get("/python/namespaces").await;
    assert_eq!(list.json(), json!([{"name": "acme"}, {"name": "acme-core"}, {"name": "zebra"}]));
    assert_eq!(list.header("content-type"), "application/vnd.pypi.simple.v1+json");
    assert_eq!(
        world.get("/python/namespace/acme").await.json(),
        json!({"name": "acme", "parent": null, "children": ["acme-core"], "owner": "the tools team"})
    );
    assert_eq!(
        world.get("/python/namespace/acme-core").await.json(),
        json!({"name": "acme-core", "parent": "acme", "children": []})
    );
    assert_eq!(world.get("/python/namespace/acme-x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.send(Request::get("/python/namespaces")).await.status, StatusCode::UNAUTHORIZED);
    let push = world.access_token_for("ci/push", &["push"]);
    let refused = world.send(Request::get("/python/namespaces").header("authorization", basic(&push))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pages_name_the_namespaces_in_json_and_html_stays_frozen() {
    let world = world(&Upstream::start()).await;
    for name in ["acme-core-x", "other"] {
        world.import(&Wheel::new(name, "1.0")).await;
    }
    let page = world.get_json("/python/simple/acme-core-x/").await.json();
    assert_eq!(page["meta"]["api-version"], "1.5");
    assert_eq!(page["namespaces"], json!([{"name": "acme", "owned": true}, {"name": "acme-core", "owned": true}]));
    let page = world.get_json("/python/simple/other/").await.json();
    assert_eq!((&page["meta"]["api-version"], page.get("namespaces")), (&json!("1.5"), Some(&json!(null))));
    // PEP 833.
    let html = world.get("/python/simple/acme-core-x/").await;
    assert!(html.text().contains("<meta name=\"pypi:repository-version\" content=\"1.4\">"), "{}", html.text());
}

#[tokio::test]
async fn an_index_without_namespaces_says_nothing_of_them() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme", "1.0")).await;
    let page = world.get_json("/python/simple/acme/").await.json();
    assert_eq!((&page["meta"]["api-version"], page.get("namespaces")), (&json!("1.4"), None));
    for path in ["/python/namespaces", "/python/namespace/acme"] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn upstream_never_hears_of_a_name_in_a_namespace() {
    let upstream = Upstream::start();
    for name in ["acme", "acme-x", "acmex"] {
        upstream.add_wheel(&Wheel::new(name, "9.0"));
    }
    let world = world(&upstream).await;
    for name in ["acme", "acme-x"] {
        assert_eq!(world.get(&format!("/python/simple/{name}/")).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(upstream.all_hits(), 0);
    assert_eq!(world.get("/python/simple/acmex/").await.status, StatusCode::OK);
}
