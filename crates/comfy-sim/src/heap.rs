//! Python's `heapq`, because `GET /queue` shows the heap's own order and because a comparison can raise.

use crate::py::Raised;

/// What a heap holds: `a < b`, or the exception that the comparison raises.
pub(crate) trait Ordered {
    fn less(&self, other: &Self) -> Result<bool, Raised>;
}

/// `heappush`. If a comparison raises, the item stays in the heap, as in Python.
pub(crate) fn push<T: Ordered>(heap: &mut Vec<T>, item: T) -> Result<(), Raised> {
    heap.push(item);
    let last = heap.len() - 1;
    rise(heap, 0, last)
}

/// `heappop`, where items that cannot be compared count as equal.
pub(crate) fn pop<T: Ordered>(heap: &mut Vec<T>) -> Option<T> {
    if heap.is_empty() {
        return None;
    }
    let first = heap.swap_remove(0);
    sink(heap, 0);
    Some(first)
}

/// `heapify`, where items that cannot be compared count as equal.
pub(crate) fn heapify<T: Ordered>(heap: &mut [T]) {
    for at in (0..heap.len() / 2).rev() {
        sink(heap, at);
    }
}

/// Moves the item at `at` towards `top` while it is smaller than its parent.
fn rise<T: Ordered>(heap: &mut [T], top: usize, mut at: usize) -> Result<(), Raised> {
    while at > top {
        let parent = (at - 1) / 2;
        if !heap[at].less(&heap[parent])? {
            break;
        }
        heap.swap(at, parent);
        at = parent;
    }
    Ok(())
}

/// Moves the item at `top` down along the smaller children to a leaf, then up to its place: Python's way, which
/// decides the order that a reader of the heap sees.
fn sink<T: Ordered>(heap: &mut [T], top: usize) {
    let mut at = top;
    loop {
        let mut child = 2 * at + 1;
        if child >= heap.len() {
            break;
        }
        if child + 1 < heap.len() && !heap[child].less(&heap[child + 1]).unwrap_or(false) {
            child += 1;
        }
        heap.swap(at, child);
        at = child;
    }
    // `rise` stops at a comparison that raises: the item then stays below what it could not be compared with.
    let _ = rise(heap, top, at);
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Ordered for i32 {
        fn less(&self, other: &Self) -> Result<bool, Raised> {
            Ok(self < other)
        }
    }

    #[test]
    fn the_heap_has_pythons_order() {
        // The expected orders were read off CPython's heapq.
        let mut heap = Vec::new();
        for n in [5, 3, 8, 1, 9, 2, -4, 7] {
            push(&mut heap, n).expect("integers compare");
        }
        assert_eq!(heap, [-4, 3, 1, 5, 9, 8, 2, 7]);
        assert_eq!(pop(&mut heap), Some(-4));
        assert_eq!(heap, [1, 3, 2, 5, 9, 8, 7]);
        heap.remove(0);
        heapify(&mut heap);
        assert_eq!(heap, [2, 3, 5, 9, 8, 7]);
        let sorted: Vec<_> = std::iter::from_fn(|| pop(&mut heap)).collect();
        assert_eq!(sorted, [2, 3, 5, 7, 8, 9]);
    }
}
