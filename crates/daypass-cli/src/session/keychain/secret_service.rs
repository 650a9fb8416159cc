//! The Secret Service of freedesktop.org, version 0.2, which GNOME Keyring, `KWallet` and `KeePassXC` speak.
//!
//! Only what is needed: one item in the default collection, as long as that is unlocked. The transfer is the `plain`
//! one, through the user's own session bus.

use std::collections::HashMap;

use daypass_core::secret::Secret;
use serde::{Deserialize, Serialize};
use zbus::{
    Connection,
    message::Body,
    zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue, Type, Value},
};

use super::{Account, Unavailable};

pub(super) const NAME: &str = "the keychain (Secret Service)";

const SERVICE: &str = "org.freedesktop.secrets";

/// A secret on its way over the bus.
#[derive(Serialize, Deserialize, Type)]
struct Transferred {
    session: OwnedObjectPath,
    parameters: Vec<u8>,
    value: Vec<u8>,
    content_type: String,
}

pub(super) fn read(account: &Account) -> Result<Option<Secret>, Unavailable> {
    run(async {
        let keychain = Keychain::open().await?;
        let Some(item) = keychain.find(account).await? else { return Ok(None) };
        let body = keychain.call(&item, "Item", "GetSecret", &(&keychain.session,)).await?;
        let found: Transferred = body.deserialize::<(Transferred,)>().map_err(|_| Unavailable)?.0;
        Ok(Some(Secret::new(String::from_utf8(found.value).map_err(|_| Unavailable)?)))
    })
}

pub(super) fn write(account: &Account, refresh_token: &Secret) -> Result<(), Unavailable> {
    run(async {
        let keychain = Keychain::open().await?;
        let label = format!("daypass: {} ({})", account.server, account.profile);
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Value::from(label)),
            ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes(account))),
        ]);
        let secret = Transferred {
            session: keychain.session.clone(),
            parameters: Vec::new(),
            value: refresh_token.expose().as_bytes().to_vec(),
            content_type: "text/plain".to_owned(),
        };
        let body = keychain.call(&keychain.collection, "Collection", "CreateItem", &(properties, secret, true)).await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = body.deserialize().map_err(|_| Unavailable)?;
        // It would ask a person first.
        if is_nothing(&prompt) { Ok(()) } else { Err(Unavailable) }
    })
}

pub(super) fn delete(account: &Account) -> Result<(), Unavailable> {
    run(async {
        let keychain = Keychain::open().await?;
        if let Some(item) = keychain.find(account).await? {
            keychain.call(&item, "Item", "Delete", &()).await?;
        }
        Ok(())
    })
}

/// An unlocked collection, and the session in which it is spoken to.
struct Keychain {
    bus: Connection,
    session: OwnedObjectPath,
    collection: OwnedObjectPath,
}

impl Keychain {
    async fn open() -> Result<Self, Unavailable> {
        let bus = Connection::session().await.map_err(|_| Unavailable)?;
        let root = OwnedObjectPath::from(ObjectPath::from_static_str_unchecked("/org/freedesktop/secrets"));
        let session = call(&bus, &root, "Service", "OpenSession", &("plain", Value::from(""))).await?;
        let (_, session): (OwnedValue, OwnedObjectPath) = session.deserialize().map_err(|_| Unavailable)?;
        let collection = call(&bus, &root, "Service", "ReadAlias", &("default",)).await?;
        let collection: OwnedObjectPath = collection.deserialize().map_err(|_| Unavailable)?;
        if is_nothing(&collection) {
            return Err(Unavailable);
        }
        let keychain = Self { bus, session, collection };
        if keychain.is_locked().await? { Err(Unavailable) } else { Ok(keychain) }
    }

    async fn is_locked(&self) -> Result<bool, Unavailable> {
        let asked = ("org.freedesktop.Secret.Collection", "Locked");
        let properties = Some("org.freedesktop.DBus.Properties");
        let answer = self.bus.call_method(Some(SERVICE), &self.collection, properties, "Get", &asked).await;
        let value: OwnedValue = answer.map_err(|_| Unavailable)?.body().deserialize().map_err(|_| Unavailable)?;
        bool::try_from(value).map_err(|_| Unavailable)
    }

    async fn find(&self, account: &Account) -> Result<Option<OwnedObjectPath>, Unavailable> {
        let body = self.call(&self.collection, "Collection", "SearchItems", &(attributes(account),)).await?;
        let found: Vec<OwnedObjectPath> = body.deserialize().map_err(|_| Unavailable)?;
        Ok(found.into_iter().next())
    }

    async fn call(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        method: &str,
        arguments: &(impl Serialize + DynamicType),
    ) -> Result<Body, Unavailable> {
        call(&self.bus, path, interface, method, arguments).await
    }
}

async fn call(
    bus: &Connection,
    path: &OwnedObjectPath,
    interface: &str,
    method: &str,
    arguments: &(impl Serialize + DynamicType),
) -> Result<Body, Unavailable> {
    let interface = format!("org.freedesktop.Secret.{interface}");
    let answer = bus.call_method(Some(SERVICE), path, Some(interface.as_str()), method, arguments).await;
    Ok(answer.map_err(|_| Unavailable)?.body())
}

/// By what the item is found again.
fn attributes(account: &Account) -> HashMap<String, String> {
    let pairs = [("application", "daypass"), ("server", &account.server), ("profile", &account.profile)];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The path that stands for nothing.
fn is_nothing(path: &OwnedObjectPath) -> bool {
    path.as_str() == "/"
}

fn run<T>(task: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|_| Unavailable)?.block_on(task)
}
