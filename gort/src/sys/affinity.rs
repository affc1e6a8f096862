//! On which processors a thread may run. See sched_setaffinity(2).

use std::mem::MaybeUninit;

/// A set of processors; none above 1023.
#[derive(Clone, Copy)]
pub(crate) struct Processors(libc::cpu_set_t);

impl Processors {
    /// Those of a thread of this process, by the kernel's id; 0 is the calling one. None if there are more than a set has
    /// room for, or no such thread.
    pub(crate) fn of(tid: i32) -> Option<Self> {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: the kernel writes at most the size that it is told; a set of zeros is one.
        unsafe {
            (libc::sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) == 0)
                .then(|| Self(set.assume_init()))
        }
    }

    pub(crate) fn count(&self) -> u32 {
        // SAFETY: reads a set.
        unsafe { libc::CPU_COUNT(&self.0) as u32 }
    }

    /// The same but for one, if others are left.
    pub(crate) fn without(mut self, processor: u32) -> Option<Self> {
        if processor >= libc::CPU_SETSIZE as u32 {
            return None;
        }
        // SAFETY: the number is below that of a set's bits.
        unsafe { libc::CPU_CLR(processor as usize, &mut self.0) };
        (self.count() > 0).then_some(self)
    }

    /// Makes them a thread's. False if the kernel says no.
    pub(crate) fn give_to(&self, tid: i32) -> bool {
        // SAFETY: the kernel reads the size that it is told.
        unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), &raw const self.0) == 0 }
    }
}

/// The processor that the calling thread runs on, or has just run on.
pub(crate) fn here() -> Option<u32> {
    // SAFETY: no preconditions.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_moves_and_may_go_back() {
        std::thread::spawn(|| {
            let all = Processors::of(0).expect("no more than 1024 processors");
            let before = here().unwrap();
            let Some(others) = all.without(before) else { return };
            assert_eq!(others.count(), all.count() - 1);
            assert!(others.give_to(0));
            assert_ne!(here().unwrap(), before);
            assert!(all.give_to(0));
            assert_eq!(Processors::of(0).unwrap().count(), all.count());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn one_is_always_left() {
        let mut set = Processors::of(0).unwrap();
        while let Some(fewer) = (0..libc::CPU_SETSIZE as u32)
            .filter_map(|i| set.without(i))
            .find(|fewer| fewer.count() < set.count())
        {
            set = fewer;
        }
        assert_eq!(set.count(), 1);
        assert!(set.without(u32::MAX).is_none());
    }
}
