//! Single flight: of any number of tasks that want the same thing at the same time, one makes it and all get it.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// Things under way, by key.
pub(crate) struct Flights<K, V>(Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Waits for the thing under way for `key`, or begins `make`, which goes on when everybody who waits has left.
    ///
    /// `None` only if `make` panics or the runtime ends.
    pub(crate) async fn join<F>(&self, key: K, make: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut under_way = self.begin(key, make);
        under_way.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Begins `make` unless something is under way for `key`.
    pub(crate) fn begin<F>(&self, key: K, make: impl FnOnce() -> F) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.lock();
        if let Some(under_way) = flights.get(&key) {
            return under_way.clone();
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(key.clone(), receiver.clone());
        let landing = Landing { flights: Self(Arc::clone(&self.0)), key };
        let work = make();
        tokio::spawn(async move {
            let value = work.await;
            // First gone from the map, then told: who comes in between begins anew and finds what was made.
            drop(landing);
            sender.send_replace(Some(value));
        });
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a flight from the map however it ends.
struct Landing<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + Sync + 'static> {
    flights: Flights<K, V>,
    key: K,
}

impl<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + Sync + 'static> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn ten_at_once_make_it_once_and_the_next_one_makes_it_anew() {
        let flights = Flights::<u8, usize>::default();
        let made = Arc::new(AtomicUsize::new(0));
        let count = || {
            let made = Arc::clone(&made);
            async move {
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::SeqCst)
            }
        };
        let all = futures_util::future::join_all((0..10).map(|_| flights.join(1, count))).await;
        assert_eq!(all, vec![Some(0); 10]);
        assert_eq!(flights.join(1, count).await, Some(1));
        assert_eq!(flights.lock().len(), 0);
    }

    #[tokio::test]
    async fn it_is_made_though_everybody_left() {
        let flights = Flights::<u8, u8>::default();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        drop(flights.begin(1, || async move {
            let _ = sender.send(());
            1
        }));
        receiver.await.unwrap();
    }
}
