use std::collections::HashMap;

use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const MONTHLY: RotateEvery = RotateEvery::Every(Ttl::from_secs(30 * 24 * 3600));

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
}

fn key(kid: &str, state: KeyState, since: Timestamp) -> Key {
    Key { kid: kid.to_owned(), state, since }
}

#[test]
fn a_new_server_signs_at_once_and_one_without_an_active_key_takes_the_next() {
    assert_eq!(due(&[], at(0), MONTHLY), [Step::Make(KeyState::Active)]);
    assert_eq!(due(&[], at(0), RotateEvery::Never), [Step::Make(KeyState::Active)]);
    let retired = key("a", KeyState::Retired, at(0));
    assert_eq!(due(std::slice::from_ref(&retired), at(0), MONTHLY), [Step::Make(KeyState::Active)]);
    let keys = [retired, key("b", KeyState::Next, at(0))];
    assert_eq!(due(&keys, at(0), MONTHLY), [Step::Activate("b".to_owned())]);
}

#[test]
fn the_next_key_is_made_just_in_time_and_signs_when_it_was_published_long_enough() {
    let keys = [key("a", KeyState::Active, at(0))];
    let month = 30 * 24 * 60;
    assert_eq!(due(&keys, at(month - 16), MONTHLY), []);
    assert_eq!(due(&keys, at(month - 15), MONTHLY), [Step::Make(KeyState::Next)]);
    assert_eq!(due(&keys, at(10 * month), RotateEvery::Never), []);
    let keys = [key("a", KeyState::Active, at(0)), key("b", KeyState::Next, at(month - 15))];
    assert_eq!(due(&keys, at(month) - SignedDuration::from_secs(1), MONTHLY), []);
    let take_over = [Step::Activate("b".to_owned()), Step::Retire("a".to_owned())];
    assert_eq!(due(&keys, at(month), MONTHLY), take_over);
    // What the operator asked for goes on, also where nothing begins by itself.
    assert_eq!(due(&keys, at(month), RotateEvery::Never), take_over);
    assert_eq!(until(&keys[0], &keys, MONTHLY), Some(at(month)));
    assert_eq!(until(&keys[1], &keys, MONTHLY), Some(at(month)));
    assert_eq!(until(&keys[0], &keys[..1], MONTHLY), Some(at(month)));
    assert_eq!(until(&keys[0], &keys[..1], RotateEvery::Never), None);
}

#[test]
fn a_retired_key_is_forgotten_two_days_later_and_not_before() {
    let keys = [key("a", KeyState::Retired, at(0)), key("b", KeyState::Active, at(0))];
    assert_eq!(due(&keys, at(48 * 60 - 1), MONTHLY), []);
    assert_eq!(due(&keys, at(48 * 60), MONTHLY), [Step::Remove("a".to_owned())]);
    assert_eq!(due(&keys, at(48 * 60), RotateEvery::Never), [Step::Remove("a".to_owned())]);
    assert_eq!(until(&keys[0], &keys, MONTHLY), Some(at(48 * 60)));
}

#[test]
fn a_clock_that_goes_back_makes_nothing_due() {
    let mut keys = vec![key("a", KeyState::Retired, at(0)), key("b", KeyState::Active, at(0))];
    assert_eq!(due(&keys, at(-100_000), MONTHLY), []);
    keys.push(key("c", KeyState::Next, at(0)));
    assert_eq!(due(&keys, at(-100_000), MONTHLY), []);
    assert_eq!(due(&keys, Timestamp::MIN, MONTHLY), []);
    assert_ne!(due(&keys, Timestamp::MAX, MONTHLY), []);
}

#[test]
fn the_operator_rotates_soon_or_now() {
    let active = key("a", KeyState::Active, at(0));
    let both = [active.clone(), key("b", KeyState::Next, at(0))];
    assert_eq!(rotate(std::slice::from_ref(&active)).unwrap(), [Step::Make(KeyState::Next)]);
    assert_eq!(rotate(&both).unwrap(), []);
    let retire = Step::Retire("a".to_owned());
    assert_eq!(rotate_now(std::slice::from_ref(&active)).unwrap(), [Step::Make(KeyState::Active), retire.clone()]);
    assert_eq!(rotate_now(&both).unwrap(), [Step::Activate("b".to_owned()), retire]);
    let mut many: Vec<_> =
        (0..MOST_KEYS - 1).map(|number| key(&number.to_string(), KeyState::Retired, at(0))).collect();
    many.push(active);
    assert_eq!((rotate(&many), rotate_now(&many)), (Err(TooManyKeys), Err(TooManyKeys)));
    assert_eq!(due(&many, at(40 * 24 * 60), MONTHLY).len(), MOST_KEYS - 1, "room is made");
    assert!(rotate(&many[1..]).is_ok() && rotate_now(&many[1..]).is_ok());
}

#[test]
fn a_revoked_key_is_replaced_by_a_fresh_one_if_it_signed() {
    let keys = [key("a", KeyState::Retired, at(0)), key("b", KeyState::Active, at(0)), key("c", KeyState::Next, at(0))];
    assert_eq!(revoke(&keys, "a").unwrap(), [Step::Revoke("a".to_owned())]);
    assert_eq!(revoke(&keys, "b").unwrap(), [Step::Revoke("b".to_owned()), Step::Make(KeyState::Active)]);
    assert_eq!(revoke(&keys, "c").unwrap(), [Step::Revoke("c".to_owned())]);
    assert_eq!(revoke(&keys, "d"), None);
}

#[test]
fn how_often_is_written_as_a_duration_or_never() {
    let read = |text: &str| text.parse::<RotateEvery>();
    assert_eq!(read("30d"), Ok(RotateEvery::default()));
    assert_eq!(read(" never "), Ok(RotateEvery::Never));
    assert_eq!(read("24h"), Ok(RotateEvery::Every(Ttl::from_secs(86_400))));
    for text in ["", "23h", "0d", "-30d", "Never", "always", "30"] {
        assert!(read(text).is_err(), "{text}");
    }
}

/// A key ring that is lived with, and what must hold at any time.
struct Life {
    keys: Vec<Key>,
    made: usize,
    now: Timestamp,
    /// When each key was published, while it is.
    published: HashMap<String, Timestamp>,
    /// The end of the last access token of each key that signed.
    live_until: HashMap<String, Timestamp>,
}

impl Life {
    /// As the issuer does it. `urgent`: a key may sign that nobody knows yet.
    fn take(&mut self, steps: Vec<Step>, urgent: bool) {
        for step in steps {
            match step {
                Step::Make(state) => {
                    assert!(urgent || state == KeyState::Next, "an unpublished key signs");
                    self.made += 1;
                    let kid = self.made.to_string();
                    self.published.insert(kid.clone(), self.now);
                    self.keys.push(Key { kid, state, since: self.now });
                }
                Step::Activate(kid) => {
                    let known_for = self.now.duration_since(self.published[&kid]);
                    let enough = KEY_SET_MAX_AGE * 2 + MINUTE * 5;
                    assert!(urgent || known_for >= enough, "it signs after {known_for}");
                    self.set(&kid, KeyState::Next, KeyState::Active);
                }
                Step::Retire(kid) => self.set(&kid, KeyState::Active, KeyState::Retired),
                Step::Remove(kid) => {
                    let live_until = self.live_until.get(&kid).copied().unwrap_or(Timestamp::MIN);
                    assert!(live_until + KEY_SET_MAX_AGE < self.now, "what it signed is good until {live_until}");
                    self.forget(&kid);
                }
                Step::Revoke(kid) => self.forget(&kid),
            }
        }
        let active = self.keys.iter().filter(|key| key.state == KeyState::Active).count();
        assert_eq!(active, 1, "{:?}", self.keys);
        assert!(self.keys.len() <= MOST_KEYS);
    }

    fn set(&mut self, kid: &str, from: KeyState, to: KeyState) {
        let now = self.now;
        let key = self.keys.iter_mut().find(|key| key.kid == kid && key.state == from).unwrap();
        (key.state, key.since) = (to, now);
    }

    fn forget(&mut self, kid: &str) {
        let before = self.keys.len();
        self.keys.retain(|key| key.kid != kid);
        assert_eq!(self.keys.len(), before - 1);
        self.published.remove(kid);
        self.live_until.remove(kid);
    }

    fn sign(&mut self) {
        let active = self.keys.iter().find(|key| key.state == KeyState::Active).unwrap();
        self.live_until.insert(active.kid.clone(), self.now + LONGEST_TTL.as_duration());
    }
}

/// A small generator (SplitMix64): the same lives in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[test]
fn whatever_happens_one_key_signs_none_too_early_and_none_is_gone_too_early() {
    let (mut activated, mut removed, mut urgent) = (0, 0, 0);
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let every = match dice.below(4) {
            0 => RotateEvery::Never,
            1 => MONTHLY,
            days => RotateEvery::Every(Ttl::from_secs(u32::try_from(days - 1).unwrap() * 86_400)),
        };
        let mut life =
            Life { keys: vec![], made: 0, now: at(0), published: HashMap::new(), live_until: HashMap::new() };
        life.take(due(&[], life.now, every), true);
        for _ in 0..400 {
            // Sometimes the server is off for long.
            let scale = [1, 30, 600, 50_000][usize::try_from(dice.below(4)).unwrap()];
            life.now += MINUTE * i32::try_from(dice.below(scale)).unwrap();
            match dice.below(12) {
                0 => life.take(rotate(&life.keys).unwrap_or_default(), false),
                1 => {
                    life.take(rotate_now(&life.keys).unwrap_or_default(), true);
                    urgent += 1;
                }
                2 => {
                    let index = usize::try_from(dice.below(life.keys.len() as u64)).unwrap();
                    life.take(revoke(&life.keys, &life.keys[index].kid.clone()).unwrap(), true);
                    urgent += 1;
                }
                3 => assert_eq!(revoke(&life.keys, "unknown"), None),
                _ => {
                    let steps = due(&life.keys, life.now, every);
                    activated += steps.iter().filter(|step| matches!(step, Step::Activate(_))).count();
                    removed += steps.iter().filter(|step| matches!(step, Step::Remove(_))).count();
                    life.take(steps, false);
                }
            }
            life.sign();
        }
    }
    assert!(activated > 1_000 && removed > 1_000 && urgent > 1_000, "{activated}, {removed}, {urgent}");
}
