//! Fights over live objects: somebody undoes each correction of drift. Corrections of such an object pause, each time longer, so that two
//! controllers do not keep each other and the API server busy.
//!
//! **Invariant:** an object that is left in peace for a while is corrected at once again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cluster::ReleaseKey;
use crate::diff::{Change, ObjectDrift, ObjectReference};
use crate::lifecycle::Contest;

/// So many corrections of one object within [`WINDOW`] are a fight.
const LIMIT: usize = 10;
/// The time in which corrections are counted, and without drift in which a fight is over.
const WINDOW: Duration = Duration::from_secs(300);
/// The first pause; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What is fought over, by release.
#[derive(Debug, Default)]
pub(super) struct Contests(Mutex<HashMap<ReleaseKey, BTreeMap<ObjectReference, Fight>>>);

/// The corrections of one object.
#[derive(Debug, Default)]
struct Fight {
    corrected: VecDeque<Instant>,
    pause: Option<Pause>,
    /// The last drift, in words.
    drift: String,
    /// Who has the fields, as far as that is known.
    rivals: Vec<String>,
}

/// A pause of corrections.
#[derive(Clone, Copy, Debug)]
struct Pause {
    length: Duration,
    end: Instant,
    /// The end for people.
    until: Timestamp,
}

impl Contests {
    /// Objects of a release that are not to be corrected now, and what is known of the fight.
    pub(super) fn held(&self, release: &ReleaseKey, now: Instant) -> Option<(Vec<ObjectReference>, Contest)> {
        let all = self.all();
        let paused = all.get(release)?.iter().filter_map(|(object, fight)| {
            let pause = fight.pause.filter(|pause| pause.end > now)?;
            Some((object, fight, pause))
        });
        let mut objects = Vec::new();
        let mut contest: Option<Contest> = None;
        for (object, fight, pause) in paused {
            objects.push(object.clone());
            let left = pause.end.duration_since(now);
            let known = contest.get_or_insert_with(|| Contest {
                drift: Vec::new(),
                rivals: Vec::new(),
                left,
                until: pause.until,
            });
            known.drift.push(fight.drift.clone());
            known
                .rivals
                .extend(fight.rivals.iter().filter(|rival| !known.rivals.contains(rival)).cloned().collect::<Vec<_>>());
            if left < known.left {
                (known.left, known.until) = (left, pause.until);
            }
        }
        contest.map(|contest| (objects, contest))
    }

    /// Notes that drift was put right.
    pub(super) fn corrected(&self, release: &ReleaseKey, drifted: &[ObjectDrift], now: Instant) {
        let mut all = self.all();
        let fights = all.entry(release.clone()).or_default();
        for drift in drifted {
            fights.entry(drift.object.clone()).or_default().corrected(drift, now);
        }
        fights.retain(|_, fight| !fight.is_over(now));
    }

    /// Forgets a release.
    pub(super) fn forget(&self, release: &ReleaseKey) {
        self.all().remove(release);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ReleaseKey, BTreeMap<ObjectReference, Fight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fight {
    fn corrected(&mut self, drift: &ObjectDrift, now: Instant) {
        if self.is_over(now) {
            *self = Self::default();
        }
        self.corrected.push_back(now);
        while self.corrected.front().is_some_and(|first| now.duration_since(*first) > WINDOW) {
            self.corrected.pop_front();
        }
        self.drift = drift.to_string();
        let changes = match &drift.change {
            Change::Missing => [].as_slice(),
            Change::Changed(changes) => changes,
        };
        for rival in changes.iter().filter_map(|change| change.manager.as_ref()) {
            if !self.rivals.contains(rival) {
                self.rivals.push(rival.clone());
            }
        }
        let length = match self.pause {
            Some(pause) => (pause.length * 2).min(LONGEST_PAUSE),
            None if self.corrected.len() >= LIMIT => FIRST_PAUSE,
            None => return,
        };
        let until = Timestamp::now().checked_add(jiff::SignedDuration::from_secs(length.as_secs().cast_signed()));
        self.pause = Some(Pause { length, end: now + length, until: until.unwrap_or_default() });
    }

    fn is_over(&self, now: Instant) -> bool {
        let since = |moment: Instant| now.saturating_duration_since(moment);
        match self.pause {
            Some(pause) => since(pause.end) > pause.length.max(WINDOW),
            None => self.corrected.back().is_some_and(|last| since(*last) > WINDOW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{FieldChange, FieldChangeKind};

    fn web() -> ReleaseKey {
        ReleaseKey { namespace: "apps".to_owned(), name: "web".to_owned() }
    }

    fn drift(kind: &str) -> ObjectDrift {
        let object =
            serde_json::json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": "apps"}});
        let change = FieldChange {
            pointer: "/data/a".to_owned(),
            kind: FieldChangeKind::Changed,
            values: None,
            manager: Some("rival".to_owned()),
        };
        ObjectDrift { object: ObjectReference::of(&object).unwrap(), change: Change::Changed(vec![change]) }
    }

    /// Corrects so often, a second apart, and returns when that was over.
    fn correct(contests: &Contests, times: usize, mut now: Instant) -> Instant {
        for _ in 0..times {
            assert!(contests.held(&web(), now).is_none());
            contests.corrected(&web(), &[drift("ConfigMap")], now);
            now += Duration::from_secs(1);
        }
        now
    }

    #[test]
    fn an_object_that_is_fought_over_is_left_alone_each_time_longer() {
        let contests = Contests::default();
        let now = correct(&contests, LIMIT, Instant::now());
        let (objects, contest) = contests.held(&web(), now).unwrap();
        assert_eq!(objects, [drift("ConfigMap").object]);
        assert_eq!((contest.rivals.as_slice(), contest.drift.len()), (["rival".to_owned()].as_slice(), 1));
        let now = now + contest.left;
        assert!(contests.held(&web(), now).is_none());
        contests.corrected(&web(), &[drift("ConfigMap")], now);
        assert_eq!(contests.held(&web(), now).unwrap().1.left, FIRST_PAUSE * 2);
        contests.corrected(&web(), &[drift("Secret")], now);
        assert_eq!(contests.held(&web(), now).unwrap().0.len(), 1, "another object is corrected at once");
    }

    #[test]
    fn peace_is_forgiving() {
        let contests = Contests::default();
        let now = correct(&contests, LIMIT, Instant::now()) + WINDOW * 2;
        assert!(contests.held(&web(), now).is_none());
        let now = correct(&contests, LIMIT - 1, now);
        assert!(contests.held(&web(), now).is_none());
        contests.forget(&web());
        assert!(contests.all().is_empty());
    }

    #[test]
    fn corrections_far_apart_are_no_fight() {
        let contests = Contests::default();
        let mut now = Instant::now();
        for _ in 0..3 * LIMIT {
            contests.corrected(&web(), &[drift("ConfigMap")], now);
            now += WINDOW / 4;
            assert!(contests.held(&web(), now).is_none());
        }
    }
}
