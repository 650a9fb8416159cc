//! Small projects that need one another: what an installer has to work through for one name.

use crate::wheel::Wheel;

/// `count` wheels; the first is the project `root`, and installing it installs all of them.
///
/// Each needs up to three others, so that an installer learns what it has to fetch in several steps, and hears of most
/// projects more than once.
pub fn closure(root: &str, count: usize) -> Vec<Wheel> {
    let name = |number: usize| if number == 0 { root.to_owned() } else { format!("{root}-part-{number:02}") };
    let wheel = |number: usize| {
        let mut wheel = Wheel::new(&name(number), &format!("1.{number}")).module(&format!("NUMBER = {number}\n"));
        // The tree's two children, and a cousin.
        for needed in [2 * number + 1, 2 * number + 2, 3 * number + 3] {
            if needed < count {
                wheel = wheel.requires_dist(&format!("{}>=1", name(needed)));
            }
        }
        wheel
    };
    (0..count).map(wheel).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_is_needed_by_something() {
        let wheels = closure("acme-app", 30);
        let names: BTreeSet<_> = wheels.iter().map(|wheel| wheel.name().to_owned()).collect();
        assert_eq!(names.len(), 30);
        let needed: BTreeSet<_> = wheels
            .iter()
            .flat_map(|wheel| wheel.metadata().lines().map(ToOwned::to_owned).collect::<Vec<_>>())
            .filter_map(|line| Some(line.strip_prefix("Requires-Dist: ")?.strip_suffix(">=1")?.to_owned()))
            .collect();
        let mut all = needed.clone();
        all.insert("acme-app".to_owned());
        assert_eq!(all, names, "and nothing else is");
    }
}
