;; Recurses without end, with calls of the host on the way down, for which the thread
;; that computes needs stack.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $recurse (export "_start")
    call $yield
    drop
    call $recurse
    call $yield
    drop))
