//! `kill -9` at any instant of uploads and pull-throughs: what was acknowledged is whole and present, all else is absent
//! or whole.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use daypass_testkit::wheel::Wheel;

use super::{
    bucket::{beginning, operate},
    publisher::{POLICY, PUBLISHER, path_of, upload},
};
use crate::{http::get, world::World};

const UPLOADS: usize = 500;
const PROJECTS: usize = 20;
const PULLED: usize = 40;
const LEAST_KILLS: usize = 5;

/// For whoever must understand a failure.
#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn tell(text: &str) {
    println!("{text}");
}

/// `SplitMix64`: the same instants again for the same seed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        #[expect(clippy::disallowed_methods, reason = "to see the same run again")]
        let told = std::env::var("DAYPASS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = told.unwrap_or_else(|| RandomState::new().hash_one(0));
        tell(&format!("to see the same kills again: DAYPASS_TEST_SEED={seed}"));
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Small ones, and some that take a while.
fn hosted(number: usize) -> Wheel {
    let padding = match number % 10 {
        0 => 1_500_000,
        1 | 2 => 200_000,
        _ => 1_000,
    };
    Wheel::new(&format!("crash-{}", number % PROJECTS), &format!("1.{number}")).padding(padding)
}

fn pulled(number: usize) -> Wheel {
    Wheel::new(&format!("sunny-{number}"), "1.0").padding(200_000 + number * 40_000)
}

/// What the clients saw, over all lives of the server.
#[derive(Default)]
struct Seen {
    acknowledged: Mutex<Vec<usize>>,
    unsure: Mutex<Vec<usize>>,
    whole_pulls: AtomicUsize,
    broken_pulls: AtomicUsize,
    done: AtomicBool,
}

#[test]
fn whole_machine_kill_9_keeps_every_acknowledged_upload_and_no_half_file() {
    let mut chance = Chance::new();
    let mut world = World::plan().policy(POLICY).start();
    for number in 0..PULLED {
        world.upstream.add_wheel(&pulled(number));
    }
    let (access_token, authority) = (world.access_token_for(&world.outside_token_of(PUBLISHER)), world.authority());
    let (seen, next) = (Seen::default(), AtomicUsize::new(0));

    let kills = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| upload_all(&authority, &access_token, &next, &seen));
        }
        scope.spawn(|| pull_all(&authority, &access_token, &seen));
        let mut kills = 0;
        while next.load(Ordering::SeqCst) < UPLOADS {
            thread::sleep(Duration::from_millis(20 + chance.below(300)));
            world.kill();
            kills += 1;
            world.restart();
        }
        world.kill();
        world.restart();
        thread::sleep(Duration::from_millis(200));
        seen.done.store(true, Ordering::SeqCst);
        kills
    });

    let acknowledged = seen.acknowledged.into_inner().unwrap();
    let unsure = seen.unsure.into_inner().unwrap();
    tell(&format!(
        "{kills} kills; {} uploads acknowledged, {} broken; {} pulls whole, {} broken",
        acknowledged.len(),
        unsure.len(),
        seen.whole_pulls.load(Ordering::SeqCst),
        seen.broken_pulls.load(Ordering::SeqCst),
    ));
    assert!(kills >= LEAST_KILLS && acknowledged.len() > UPLOADS / 4, "the server was hardly up or hardly killed");
    assert!(!unsure.is_empty(), "the kills hit nothing");

    // What was acknowledged is on its page and comes whole.
    let pages: BTreeMap<String, String> = (0..PROJECTS)
        .map(|number| {
            let name = format!("crash-{number}");
            let page = world.fetch(&format!("/python/simple/{name}/"), &access_token);
            (name, page.text())
        })
        .collect();
    for number in &acknowledged {
        let wheel = hosted(*number);
        assert!(pages[wheel.name()].contains(&wheel.file_name()), "{} is not on its page", wheel.file_name());
        is_whole(&world, &wheel, &access_token);
    }
    // What was not is absent or whole, and can be sent again either way.
    let mut absent = 0;
    for number in &unsure {
        let wheel = hosted(*number);
        let there = world.fetch(&path_of(&wheel), &access_token);
        match there.status {
            404 => absent += 1,
            _ => is_whole(&world, &wheel, &access_token),
        }
        let again = world.send(&upload(&wheel, &access_token));
        assert_eq!(again.status, 200, "{}", beginning(&again));
        is_whole(&world, &wheel, &access_token);
    }
    tell(&format!("of those that broke, {absent} were absent"));
    // What was pulled through comes whole, from here or anew.
    for number in 0..PULLED {
        is_whole(&world, &pulled(number), &access_token);
    }
    let verified = operate(&world, &["files", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    nothing_is_left_behind(&mut world);
}

fn upload_all(authority: &str, access_token: &str, next: &AtomicUsize, seen: &Seen) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= UPLOADS {
            return;
        }
        match upload(&hosted(number), access_token).send(authority) {
            Ok(answer) if answer.status == 200 => seen.acknowledged.lock().unwrap().push(number),
            Ok(answer) if answer.status == 503 => seen.unsure.lock().unwrap().push(number),
            Ok(answer) => panic!("{}", beginning(&answer)),
            Err(_) => {
                seen.unsure.lock().unwrap().push(number);
                // Until it is up again, or all would break at once.
                while get("/healthz").send(authority).is_err() && !seen.done.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}

fn pull_all(authority: &str, access_token: &str, seen: &Seen) {
    for number in (0..PULLED).cycle() {
        if seen.done.load(Ordering::SeqCst) {
            return;
        }
        let wheel = pulled(number);
        match get(path_of(&wheel)).basic("_token", access_token).send(authority) {
            Ok(answer) if answer.status == 200 => {
                assert!(answer.body == wheel.bytes(), "{} arrived whole but wrong", wheel.file_name());
                seen.whole_pulls.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", beginning(&answer)),
            Err(_) => {
                seen.broken_pulls.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn is_whole(world: &World, wheel: &Wheel, access_token: &str) {
    let answer = world.fetch(&path_of(wheel), access_token);
    assert_eq!(answer.status, 200, "{}: {}", wheel.file_name(), beginning(&answer));
    assert!(answer.body == wheel.bytes(), "{} is not what was sent", wheel.file_name());
}

/// What the killed ones have left on the way is swept at a start, as soon as it is certain that nobody writes it.
fn nothing_is_left_behind(world: &mut World) {
    let scratch = world.data().join("files/scratch");
    world.kill();
    for entry in fs::read_dir(&scratch).unwrap().flatten() {
        let file = fs::File::options().write(true).open(entry.path()).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - Duration::from_mins(2)).unwrap();
    }
    world.restart();
    assert_eq!(names_in(&scratch), Vec::<String>::new());
}

fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
