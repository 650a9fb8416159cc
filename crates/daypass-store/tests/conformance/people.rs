//! People are remembered, shut out, and let in again.

use daypass_core::{SignedDuration, digest::Sha256, person::PersonId};
use daypass_store::{DeviceState, PersonRecord, Revocation, Revoked, Rotated, SeenPerson};

use crate::{
    guests::{let_device_in, let_in, log, minutes, new_code, remembered_from, revocations, rotate, seen},
    home::{Home, event, noon},
};

pub(crate) async fn a_person_is_described_anew_and_their_standing_stays(home: &Home) {
    let store = home.open().await;
    assert!(!store.record_person(seen("ada"), noon()).await.unwrap().disabled);
    assert!(store.set_person_disabled(seen("ada").id, true, noon(), event("out")).await.unwrap());
    let later = noon() + minutes(5);
    let anew = SeenPerson { name: "it's Ada".to_owned(), email: None, ..seen("ada") };
    assert!(store.record_person(anew.clone(), later).await.unwrap().disabled);
    let expected = PersonRecord { person: anew, created_at: noon(), seen_at: later, disabled: true };
    assert_eq!(store.person(seen("ada").id).await.unwrap(), Some(expected.clone()));
    let corp = "corp".parse().unwrap();
    assert_eq!(store.people_by(&corp, "ada").await.unwrap(), [expected]);
    assert_eq!(store.people_by(&corp, "bob").await.unwrap(), []);
    assert_eq!(store.people_by(&"github".parse().unwrap(), "ada").await.unwrap(), []);
    assert_eq!(store.person(seen("bob").id).await.unwrap(), None);
}

pub(crate) async fn people_are_listed_by_provider_and_name(home: &Home) {
    let store = home.open().await;
    let github = SeenPerson { provider: "github".parse().unwrap(), ..seen("1") };
    let aaron = SeenPerson { provider: "github".parse().unwrap(), name: "Aaron".to_owned(), ..seen("2") };
    for person in [github, seen("bob"), aaron, seen("ada")] {
        store.record_person(person, noon()).await.unwrap();
    }
    let people = store.people().await.unwrap();
    assert_eq!(people.iter().map(|row| &*row.person.subject).collect::<Vec<_>>(), ["ada", "bob", "2", "1"]);
}

/// A provider that moved to another issuer URL knows somebody else by the same subject.
pub(crate) async fn the_same_subject_of_another_issuer_is_another_person(home: &Home) {
    let store = home.open().await;
    let issuer = "https://other.example.com".to_owned();
    let other = SeenPerson { id: PersonId::of(&issuer, "ada"), issuer, ..seen("ada") };
    store.record_person(seen("ada"), noon()).await.unwrap();
    store.record_person(other.clone(), noon() + minutes(1)).await.unwrap();
    assert_eq!(store.people().await.unwrap().len(), 2);
    let found = store.people_by(&"corp".parse().unwrap(), "ada").await.unwrap();
    assert_eq!(found.into_iter().map(|found| found.person).collect::<Vec<_>>(), [other, seen("ada")]);
}

pub(crate) async fn a_disabled_person_loses_everything_and_an_enabled_one_begins_anew(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let gone = [let_in(&store, "ada-1", "ada").await, let_in(&store, "ada-2", "ada").await];
    let kept = let_in(&store, "bob-1", "bob").await;
    for person in ["ada", "bob"] {
        let_device_in(&store, person, person).await;
        store.add_code(new_code(person, person)).await.unwrap();
    }
    let state = async |code: &str| store.device(&Sha256::of(code)).await.unwrap().unwrap().state;
    let has_code = async |code: &str| store.code(&Sha256::of(code)).await.unwrap().is_some();
    let at = noon() + minutes(10);
    let disable = |disabled| store.set_person_disabled(seen("ada").id, disabled, at, event("standing"));
    assert!(!disable(false).await.unwrap(), "nothing to change");
    assert!(disable(true).await.unwrap());
    assert!(!disable(true).await.unwrap(), "nothing to change");
    assert!(!store.set_person_disabled(seen("eve").id, true, at, event("nobody")).await.unwrap());

    let cut = Revoked::Person { id: seen("ada").id, issued_before: at };
    assert_eq!(revocations(&replica).await, [Revocation { what: cut, expires_at: remembered_from(at) }]);
    for id in gone {
        let session = replica.session(id).await.unwrap().unwrap();
        assert!(session.ended && session.person.disabled);
    }
    assert_eq!(rotate(&replica, "ada-1", "ada-1b", minutes(11)).await, Rotated::Ended);
    assert!(!replica.session(kept).await.unwrap().unwrap().ended);
    assert_eq!(rotate(&replica, "bob-1", "bob-1b", minutes(11)).await, Rotated::Refreshed);

    // Let in again: what was ended stays ended, what begins is good.
    assert!(disable(false).await.unwrap());
    assert_eq!((state("ada").await, has_code("ada").await), (DeviceState::Denied, false));
    assert!(matches!(state("bob").await, DeviceState::Approved { .. }) && has_code("bob").await);
    assert_eq!(rotate(&replica, "ada-2", "ada-2b", minutes(12)).await, Rotated::Ended);
    let_in(&store, "ada-3", "ada").await;
    assert_eq!(rotate(&replica, "ada-3", "ada-3b", minutes(12)).await, Rotated::Refreshed);
    assert_eq!(log(&store).await.iter().filter(|id| *id == "standing").count(), 2);
}

pub(crate) async fn a_cut_covers_what_a_replica_gave_whose_clock_is_ahead_and_a_later_one_what_came_since(home: &Home) {
    let (store, ahead) = (home.open().await, home.open().await);
    let_in(&store, "rt-1", "ada").await;
    assert_eq!(rotate(&ahead, "rt-1", "rt-2", SignedDuration::from_secs(3)).await, Rotated::Refreshed);
    for disabled in [true, false] {
        assert!(store.set_person_disabled(seen("ada").id, disabled, noon(), event("")).await.unwrap());
    }
    let cut =
        |seconds| Revoked::Person { id: seen("ada").id, issued_before: noon() + SignedDuration::from_secs(seconds) };
    let rows = store.revocations_after(0).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.revocation.what.clone()).collect::<Vec<_>>(), [cut(3)]);
    let later = noon() + SignedDuration::from_secs(60);
    assert!(store.set_person_disabled(seen("ada").id, true, later, event("")).await.unwrap());
    let news = store.revocations_after(rows[0].seq).await.unwrap();
    assert_eq!(news.iter().map(|row| row.revocation.what.clone()).collect::<Vec<_>>(), [cut(60)]);
}
