//! Machines in a cloud, which find their metadata where every machine of that cloud does: at a link-local address.

use daypass_testkit::workload::Kind;
use serde_json::json;

use super::{judges::google_machine, place::Place};
use crate::installers::text;

#[test]
fn a_machine_of_google_s_asks_by_name() {
    let place = Place::of(Kind::Google);
    let plan = google_machine(&place.cloud);
    let mut place = place.on_a_machine(plan);
    place.job.variables.clear();
    let output = place.daypass("home", &["token"]);
    assert!(output.status.success(), "{}\n{:?}", text(&output), place.cloud.complaints());
    assert!(place.lets_in(String::from_utf8(output.stdout).unwrap().trim()));
}

#[test]
fn a_machine_of_azure_s_asks_at_its_address() {
    let place = Place::of(Kind::AzureVm);
    let output = place.daypass("home", &["token"]);
    assert!(output.status.success(), "{}\n{:?}", text(&output), place.cloud.complaints());
    assert_eq!(place.job.variables, Vec::new(), "nothing says where it is but the firmware");
}

#[test]
fn metadata_is_not_asked_through_a_proxy_nor_on_a_machine_of_nobody_s() {
    let mut place = Place::of(Kind::AzureVm);
    // A proxy at a port where nobody is: whoever goes through it fails.
    let nobody = json!("http://127.0.0.1:9");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        place.job.variables.push((name.to_owned(), nobody.as_str().unwrap().to_owned()));
    }
    place.job.variables.push(("no_proxy".to_owned(), place.world.authority()));
    place.job.variables.push(("NO_PROXY".to_owned(), "127.0.0.1".to_owned()));
    let output = place.daypass("home", &["token"]);
    assert!(output.status.success(), "{}", text(&output));

    let place = Place::of(Kind::AzureVm);
    let api = place.cloud.api().trim_start_matches("http://").to_owned();
    let place =
        place.on_a_machine(json!({ "forward": { "169.254.169.254:80": api }, "dmi": { "product_name": "PC" } }));
    let output = place.daypass("home", &["helper", "keyring", "get", &place.world.index_url()]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output));
    assert_eq!(place.cloud.minted(), 0, "nobody asked");
    assert_eq!(place.cloud.complaints(), Vec::<String>::new(), "not even wrongly");
}
