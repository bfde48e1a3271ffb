;; Pointers at and beyond the end of a memory of one page, and around 4 GiB.
(module
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_connect" (func $connect (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_setsockopt" (func $setsockopt (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_getsockopt" (func $getsockopt (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "\f0\ff\00\00\20\00\00\00")  ;; an iovec that ends behind memory
  (data (i32.const 8) "\f8\ff\ff\ff\10\00\00\00")  ;; one that wraps
  (data (i32.const 16) "\00\00\00\00\ff\ff\ff\ff") ;; one of 4 GiB
  (func (export "_start")
    ;; The last four bytes of memory are good, the three behind them are not.
    i32.const 1 i32.const 1 i32.const 65532 call $open if unreachable end
    i32.const 65532 i32.load i32.const 0x100000 i32.ne if unreachable end
    i32.const 1 i32.const 1 i32.const 65536 call $open i32.const 21 i32.ne if unreachable end
    i32.const 1 i32.const 1 i32.const -4 call $open i32.const 21 i32.ne if unreachable end

    i32.const 0x100000 i32.const 0 i32.const 1 i32.const 0 i32.const 64 i32.const 68 call $recv i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 8 i32.const 1 i32.const 0 i32.const 64 i32.const 68 call $recv i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 16 i32.const 1 i32.const 0 i32.const 64 i32.const 68 call $recv i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 65528 i32.const 2 i32.const 0 i32.const 64 i32.const 68 call $recv i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 0 i32.const 0x20000000 i32.const 0 i32.const 64 i32.const 68 call $recv i32.const 28 i32.ne if unreachable end

    i32.const 0x100000 i32.const 0 i32.const 1 call $connect i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 16 i32.const 1 call $connect i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 65532 i32.const 1 call $connect i32.const 21 i32.ne if unreachable end

    i32.const 0x100000 i32.const 0 i32.const 5 i32.const 65535 i32.const 4 call $setsockopt i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 0 i32.const 5 i32.const 0 i32.const -1 call $setsockopt i32.const 21 i32.ne if unreachable end
    i32.const 0x100000 i32.const 0 i32.const 5 i32.const 24 i32.const 20 call $getsockopt i32.const 21 i32.ne if unreachable end

    ;; 48 or 32 times these are small, in 32 bits.
    i32.const 0 i32.const 0 i32.const 0x80000000 i32.const 64 call $poll i32.const 21 i32.ne if unreachable end
    i32.const 0 i32.const 0 i32.const 0x08000001 i32.const 64 call $poll i32.const 21 i32.ne if unreachable end
    i32.const 0 i32.const 0 i32.const 0x05555556 i32.const 64 call $poll i32.const 21 i32.ne if unreachable end
    i32.const 65496 i32.const 0 i32.const 1 i32.const 64 call $poll i32.const 21 i32.ne if unreachable end))
