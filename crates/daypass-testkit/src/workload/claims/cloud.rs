//! The claim sets of clouds.

use serde_json::{Value, json};

use crate::workload::kind::AZURE_TENANT;

/// "OIDC federation reference", Vercel documentation: the issuer is the team's.
pub(super) fn vercel() -> Value {
    let scope = "owner:acme:project:acme_website:environment:production";
    json!({
        "sub": scope,
        "scope": scope,
        "owner": "acme",
        "owner_id": "team_7Gw5ZMzpQA8h90F832KGp7nw",
        "project": "acme_website",
        "project_id": "prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3",
        "environment": "production",
        "plan": "enterprise",
    })
}

/// "OpenID Connect", Fly.io documentation.
pub(super) fn fly() -> Value {
    json!({
        "app_id": "3671581",
        "app_name": "weather-cat",
        "image": "registry.fly.io/weather-cat:latest",
        "image_digest": "sha256:dff79c6da8dd4e282ecc6c57052f7cfbd684039b652f481ca2e3324a413ee43f",
        "machine_id": "3d8d377ce9e398",
        "machine_name": "ancient-snow-4824",
        "machine_version": "01HZJXGTQ084DX0G0V92QH3XW4",
        "org_id": "29873298",
        "org_name": "acme",
        "region": "yyz",
        "sub": "acme:weather-cat:ancient-snow-4824",
    })
}

/// "Verify VM identity", Google Cloud documentation: with `format=full`.
pub(super) fn google() -> Value {
    json!({
        "azp": "113774264463038321964",
        "sub": "113774264463038321964",
        "email": "build@acme-prod.iam.gserviceaccount.com",
        "email_verified": true,
        "google": {
            "compute_engine": {
                "instance_creation_timestamp": 1_496_953_245,
                "instance_id": "6265871466426451110",
                "instance_name": "builder-1",
                "project_id": "acme-prod",
                "project_number": 739_419_398_126_u64,
                "zone": "europe-west1-b",
            },
        },
    })
}

/// "Access token claims reference", Microsoft identity platform: a token of the second version.
pub(super) fn azure() -> Value {
    json!({
        "aio": "E2ZgYNBa9dLsjuKbtVfM8uWzbQYA",
        "azp": "0f6d2d4b-6f0a-4ce0-9f25-7f7f9b6a5c3e",
        "azpacr": "2",
        "idtyp": "app",
        "oid": "8b8d5f9e-3c3a-4f0b-9a6c-2f1e0d9c8b7a",
        "rh": "0.ASEAqrsqa0tgrECp15_ZfAt3n",
        "sub": "8b8d5f9e-3c3a-4f0b-9a6c-2f1e0d9c8b7a",
        "tid": AZURE_TENANT,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
        "xms_mirid": "/subscriptions/5a4b3c2d-1e0f-4a9b-8c7d-6e5f4a3b2c1d/resourcegroups/build/providers/\
                      Microsoft.ManagedIdentity/userAssignedIdentities/builder",
    })
}

/// "Service account tokens", Kubernetes documentation.
pub(super) fn kubernetes() -> Value {
    json!({
        "kubernetes.io": {
            "namespace": "build",
            "node": { "name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1" },
            "pod": { "name": "builder-7d9c", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3" },
            "serviceaccount": { "name": "builder", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798" },
        },
        "sub": "system:serviceaccount:build:builder",
    })
}

/// SPIFFE JWT-SVID §3: hardly anything; `iss` is the server's choice, and SPIRE leaves it out.
pub(super) fn spiffe() -> Value {
    json!({ "sub": "spiffe://acme.example/build/runner" })
}
