;; Memory grows between the calls: it may lie elsewhere each time. A datagram goes
;; around through its newest page, and a wait has the same subscription each time.
(module
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_bind" (func $bind (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_getlocaladdr" (func $local (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send_to" (func $send (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\7f\00\00\01")
  (data (i32.const 8) "\00\00\00\00\04\00\00\00")   ;; where it is, and how long
  (data (i32.const 16) "\00\02\00\00\80\00\00\00")  ;; 128 bytes at 512
  (data (i32.const 1024) "\01\00\00\00\00\00\00\00\01") ;; a subscription to read
  (data (i32.const 1040) "\00\00\10\00")            ;; from the first socket
  (func (export "_start") (local $page i32) (local $n i32)
    i32.const 1 i32.const 1 i32.const 32 call $open if unreachable end
    i32.const 0x100000 i32.const 8 i32.const 0 call $bind if unreachable end
    i32.const 0x100000 i32.const 16 i32.const 36 call $local if unreachable end
    loop
      i32.const 1 memory.grow i32.const 16 i32.shl local.set $page
      ;; an iovec of 8 bytes, at the end of the page
      local.get $page local.get $page i32.const 65528 i32.add i32.store
      local.get $page i32.const 8 i32.store offset=4
      local.get $page local.get $n i32.store offset=65528
      i32.const 0x100000 local.get $page i32.const 1 i32.const 8 i32.const 36 i32.load i32.const 0
      local.get $page i32.const 16 i32.add call $send if unreachable end
      local.get $page i32.load offset=16 i32.const 8 i32.ne if unreachable end

      i32.const 1024 local.get $page i32.const 32 i32.add i32.const 1 local.get $page i32.const 20 i32.add
      call $poll if unreachable end
      local.get $page i32.load offset=20 i32.const 1 i32.ne if unreachable end

      local.get $page i32.const 0 i32.store offset=65528
      i32.const 0x100000 local.get $page i32.const 1 i32.const 0 local.get $page i32.const 24 i32.add
      local.get $page i32.const 28 i32.add call $recv if unreachable end
      local.get $page i32.load offset=65528 local.get $n i32.ne if unreachable end

      local.get $n i32.const 1 i32.add local.tee $n
      i32.const 200 i32.lt_u br_if 0
    end))
