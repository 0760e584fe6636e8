//! The work queue of a controller: which objects are to be reconciled, when, and never one twice at once.
//!
//! In: the keys of objects that something has happened to. Out: reconciles, each a task of its own, and when each is to come next.
//!
//! Takes the part of kube-runtime's `applier`, whose runner (version 5) polls every reconcile under way whenever anything happens: with a
//! thousand releases that wait for a place or for readiness, that was most of the processor time of an install. Here an event costs the
//! same however many objects there are, and one that waits for its place is no more than its key.
//!
//! ```text
//! woken ─▶ ready ─▶ a place ─▶ running ─▶ due later ─▶ ready
//!                                └─ woken meanwhile ─▶ ready
//! ```
//!
//! **Invariant:** whatever happens to an object while it is reconciled is followed by another reconcile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, StreamExt as _};
use kube_runtime::reflector::{ObjectRef, Store};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::action::{Slot, Slots};
use crate::telemetry::{Metrics, Waiting};

/// When an object is looked at again after a reconcile that panicked.
const AFTER_PANIC: Duration = Duration::from_secs(60);
/// Longer than any interval makes sense, and short enough for the timer.
const LATEST: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// When a reconcile is to come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When something happens.
    OnChange,
    /// After this time, unless something happens before.
    After(Duration),
}

/// Where an object is on its way.
#[derive(Debug)]
enum Whereabouts {
    /// Waits for a place.
    Ready,
    /// Is reconciled; `again` if something happened to it meanwhile.
    Running { again: bool },
    /// Has its time.
    Due(delay_queue::Key),
}

/// Whose queue it is, and who is told of its length.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The controller, as metrics name it.
    pub(super) controller: &'static str,
    /// Where numbers go.
    pub(super) metrics: Arc<Metrics>,
}

struct Queue<K: kube::Resource<DynamicType = ()> + 'static> {
    line: Line,
    objects: HashMap<ObjectRef<K>, Whereabouts>,
    ready: VecDeque<(ObjectRef<K>, Waiting)>,
    due: DelayQueue<ObjectRef<K>>,
    tasks: JoinSet<Next>,
    running: HashMap<Id, ObjectRef<K>>,
}

/// Reconciles what is woken, as places allow, once the store has been filled. When told to stop, begins nothing more and ends as soon as no
/// reconcile holds a place: what has to wait is called off, as a crash would, for whoever leads next to take over.
pub(super) async fn run<K, R>(
    line: Line,
    store: Store<K>,
    mut woken: impl Stream<Item = ObjectRef<K>> + Unpin,
    slots: &Slots,
    stop: &CancellationToken,
    reconcile: impl Fn(Arc<K>, Slot) -> R,
) where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
    R: Future<Output = Next> + Send + 'static,
{
    let mut queue = Queue::new(line);
    let mut stopped = std::pin::pin!(stop.cancelled());
    tokio::select! {
        // It fails only when the watch is gone, which ends the program. Nobody else may wait for the store, which tells but one (kube-runtime 5).
        _ = store.wait_until_ready() => {}
        () = &mut stopped => return,
    }
    let mut place: Option<BoxFuture<'static, Slot>> = None;
    loop {
        if place.is_none() && !queue.ready.is_empty() {
            let slots = slots.clone();
            place = Some(async move { slots.take().await }.boxed());
        }
        tokio::select! {
            // What has happened is heard before places are given, so that one reconcile does for all of it.
            biased;
            () = &mut stopped => break,
            Some(key) = woken.next() => queue.wake(key),
            Some(expired) = queue.due.next(), if !queue.due.is_empty() => queue.make_ready(expired.into_inner()),
            Some(ended) = queue.tasks.join_next_with_id(), if !queue.tasks.is_empty() => queue.ended(ended),
            slot = async { place.as_mut()?.await.into() }, if place.is_some() => {
                place = None;
                if let (Some(slot), Some((key, object))) = (slot, queue.next(&store)) {
                    queue.start(key, reconcile(object, slot));
                }
            }
        }
    }
    drop(place);
    slots.close().await;
}

impl<K: kube::Resource<DynamicType = ()> + Clone + 'static> Queue<K> {
    fn new(line: Line) -> Self {
        Self {
            line,
            objects: HashMap::new(),
            ready: VecDeque::new(),
            due: DelayQueue::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Something has happened to an object.
    fn wake(&mut self, key: ObjectRef<K>) {
        match self.objects.get_mut(&key) {
            Some(Whereabouts::Ready) => {}
            Some(Whereabouts::Running { again }) => *again = true,
            Some(Whereabouts::Due(timer)) => {
                self.due.remove(timer);
                self.make_ready(key);
            }
            None => self.make_ready(key),
        }
    }

    fn make_ready(&mut self, key: ObjectRef<K>) {
        self.objects.insert(key.clone(), Whereabouts::Ready);
        self.ready.push_back((key, self.line.metrics.reconcile_queued(self.line.controller)));
    }

    /// The next object in the line that is still there.
    fn next(&mut self, store: &Store<K>) -> Option<(ObjectRef<K>, Arc<K>)> {
        while let Some((key, waited)) = self.ready.pop_front() {
            if let Some(object) = store.get(&key) {
                self.line.metrics.reconcile_taken(self.line.controller, waited);
                return Some((key, object));
            }
            self.objects.remove(&key);
        }
        None
    }

    fn start(&mut self, key: ObjectRef<K>, work: impl Future<Output = Next> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.running.insert(task.id(), key.clone());
        self.objects.insert(key, Whereabouts::Running { again: false });
    }

    fn ended(&mut self, ended: Result<(Id, Next), JoinError>) {
        let (id, next) = ended.unwrap_or_else(|error| (error.id(), Next::After(AFTER_PANIC)));
        let Some(key) = self.running.remove(&id) else { return };
        if let (Some(Whereabouts::Running { again: true }), _) | (_, Next::After(Duration::ZERO)) =
            (self.objects.get(&key), next)
        {
            return self.make_ready(key);
        }
        match next {
            Next::OnChange => {
                self.objects.remove(&key);
            }
            Next::After(time) => {
                let timer = self.due.insert(key.clone(), time.min(LATEST));
                self.objects.insert(key, Whereabouts::Due(timer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube_runtime::reflector;
    use kube_runtime::watcher::Event;
    use tokio::sync::{Notify, Semaphore};
    use tokio::time::{Instant, advance, sleep};
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::controller::config::jittered;

    /// A queue at work; each reconcile is noted and goes on when a permit is given.
    struct Scene {
        woken: UnboundedSender<ObjectRef<ConfigMap>>,
        stop: CancellationToken,
        begun: Arc<Mutex<Vec<String>>>,
        news: Arc<Notify>,
        permits: Arc<Semaphore>,
        task: AbortOnDropHandle<()>,
    }

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object.metadata.namespace = Some("ns".into());
        object
    }

    impl Scene {
        /// Objects a, b and c, reconciled at so many places; every reconcile says the same of its next time.
        fn new(places: usize, next: impl Fn(&str) -> Next + Clone + Send + Sync + 'static) -> Self {
            let (store, mut writer) = reflector::store::<ConfigMap>();
            writer.apply_watcher_event(&Event::Init);
            for name in ["a", "b", "c"] {
                writer.apply_watcher_event(&Event::InitApply(object(name)));
            }
            writer.apply_watcher_event(&Event::InitDone);
            let (woken, queue) = unbounded();
            let (stop, begun) = (CancellationToken::new(), Arc::<Mutex<Vec<String>>>::default());
            let (news, permits) = (Arc::<Notify>::default(), Arc::new(Semaphore::new(0)));
            let shared = (stop.clone(), Arc::clone(&begun), Arc::clone(&news), Arc::clone(&permits));
            let task = tokio::spawn(async move {
                // The writer keeps the store alive.
                let _writer = writer;
                let (stop, begun, news, permits) = shared;
                let reconcile = |object: Arc<ConfigMap>, slot: Slot| {
                    let name = object.metadata.name.clone().unwrap();
                    begun.lock().unwrap().push(name.clone());
                    news.notify_one();
                    let (permits, next) = (Arc::clone(&permits), next.clone());
                    async move {
                        let _slot = slot;
                        permits.acquire().await.unwrap().forget();
                        next(&name)
                    }
                };
                let line = Line { controller: "configmap", metrics: Arc::default() };
                run(line, store, queue, &Slots::new(places), &stop, reconcile).await;
            });
            Self { woken, stop, begun, news, permits, task: AbortOnDropHandle::new(task) }
        }

        fn wake(&self, name: &str) {
            self.woken.unbounded_send(ObjectRef::new(name).within("ns")).unwrap();
        }

        /// Waits until so many reconciles have begun, and names them.
        async fn begun(&self, count: usize) -> Vec<String> {
            loop {
                let news = self.news.notified();
                let begun = self.begun.lock().unwrap().clone();
                if begun.len() >= count {
                    return begun;
                }
                news.await;
            }
        }

        /// Lets everything that can go on do so; time stands still meanwhile.
        async fn settle(&self) -> Vec<String> {
            sleep(Duration::from_millis(1)).await;
            self.begun.lock().unwrap().clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_given_in_order_and_waking_twice_is_waking_once() {
        let scene = Scene::new(1, |_| Next::OnChange);
        for name in ["b", "a", "b", "c", "a"] {
            scene.wake(name);
        }
        assert_eq!(scene.settle().await, ["b"]);
        scene.permits.add_permits(9);
        assert_eq!(scene.settle().await, ["b", "a", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_meanwhile_is_followed_by_another_reconcile_but_never_at_once() {
        let scene = Scene::new(9, |_| Next::After(Duration::from_secs(60)));
        scene.wake("a");
        scene.begun(1).await;
        scene.wake("a");
        scene.wake("a");
        assert_eq!(scene.settle().await, ["a"]);
        scene.permits.add_permits(1);
        assert_eq!(scene.begun(2).await, ["a", "a"]);
        scene.permits.add_permits(1);
        assert_eq!(scene.settle().await, ["a", "a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_comes_and_waking_before_takes_its_place() {
        let scene = Scene::new(9, |_| Next::After(Duration::from_secs(60)));
        scene.permits.add_permits(9);
        let start = Instant::now();
        scene.wake("a");
        scene.begun(2).await;
        assert_eq!(start.elapsed().as_secs(), 60);
        advance(Duration::from_secs(30)).await;
        scene.wake("a");
        scene.begun(3).await;
        scene.begun(4).await;
        assert_eq!(start.elapsed().as_secs(), 150, "the time runs from the last reconcile");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reconcile_that_panics_ends_no_other_and_comes_again() {
        let scene = Scene::new(1, |name| if name == "a" { panic!("a bug") } else { Next::OnChange });
        scene.permits.add_permits(9);
        scene.wake("a");
        scene.wake("b");
        assert_eq!(scene.begun(2).await, ["a", "b"]);
        let start = Instant::now();
        assert_eq!(scene.begun(3).await, ["a", "b", "a"]);
        assert_eq!(start.elapsed(), AFTER_PANIC);
    }

    #[tokio::test(start_paused = true)]
    async fn objects_that_are_gone_are_passed_over_and_a_stop_lets_what_runs_end() {
        let scene = Scene::new(1, |_| Next::After(Duration::ZERO));
        scene.wake("gone");
        scene.wake("a");
        scene.wake("b");
        assert_eq!(scene.begun(1).await, ["a"]);
        scene.stop.cancel();
        assert_eq!(scene.settle().await, ["a"]);
        scene.permits.add_permits(9);
        scene.task.await.unwrap();
        assert_eq!(*scene.begun.lock().unwrap(), ["a"]);
    }

    /// So many releases come at once when the operator starts.
    const MANY: usize = 1000;

    #[tokio::test(start_paused = true)]
    async fn a_restart_with_a_thousand_objects_is_no_storm_and_the_next_interval_none_either() {
        const INTERVAL: Duration = Duration::from_secs(600);
        let (store, mut writer) = reflector::store::<ConfigMap>();
        let (woken, queue) = unbounded();
        writer.apply_watcher_event(&Event::Init);
        for number in 0..MANY {
            let object = object(&number.to_string());
            woken.unbounded_send(ObjectRef::from_obj(&object)).unwrap();
            writer.apply_watcher_event(&Event::InitApply(object));
        }
        writer.apply_watcher_event(&Event::InitDone);
        let (began, at_once) = (Arc::<Mutex<Vec<Duration>>>::default(), Arc::new(Mutex::new((0, 0))));
        let start = Instant::now();
        let shared = (Arc::clone(&began), Arc::clone(&at_once));
        let reconcile = move |_: Arc<ConfigMap>, slot: Slot| {
            let (began, at_once) = shared.clone();
            async move {
                began.lock().unwrap().push(start.elapsed());
                let note = |change: i32| {
                    let mut at_once = at_once.lock().unwrap();
                    at_once.0 += change;
                    at_once.1 = at_once.1.max(at_once.0);
                };
                note(1);
                sleep(Duration::from_millis(5)).await;
                note(-1);
                drop(slot);
                Next::After(jittered(INTERVAL, 5))
            }
        };
        let line = Line { controller: "configmap", metrics: Arc::default() };
        let (slots, stop) = (Slots::new(4), CancellationToken::new());
        let running = run(line, store, queue, &slots, &stop, reconcile);
        // Two rounds: the first just after the start, the next an interval later.
        let _ = tokio::time::timeout(INTERVAL + INTERVAL / 2, running).await;
        let began = began.lock().unwrap();
        assert_eq!((began.len(), at_once.lock().unwrap().1), (2 * MANY, 4), "each twice, four at a time");
        let (first, second) = began.split_at(MANY);
        assert!(first.last() < Some(&Duration::from_secs(3)), "{:?}", first.last());
        // Spread evenly, 1000 looks in a minute are 17 in a second.
        let mut seconds = HashMap::<u64, usize>::new();
        for at in second {
            *seconds.entry(at.as_secs()).or_default() += 1;
        }
        let most = seconds.values().max().copied().unwrap_or_default();
        assert!(seconds.len() > 50 && most < 60, "{} seconds with up to {most} looks", seconds.len());
        assert!(second.first() > Some(&Duration::from_secs(565)) && second.last() < Some(&Duration::from_secs(640)));
    }
}
