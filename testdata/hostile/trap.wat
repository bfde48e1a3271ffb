;; A trap in the middle of a request to the port of 127.0.0.1 that stdin gives in
;; four bytes, the lowest first: a hundred bytes are announced, four are sent.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_open" (func $open (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_connect" (func $connect (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\7f\00\00\01")
  (data (i32.const 8) "\00\00\00\00\04\00\00\00")
  (data (i32.const 16) "\28\00\00\00\04\00\00\00") ;; the port, at 40
  (data (i32.const 24) "\40\00\00\00\38\00\00\00") ;; the request
  (data (i32.const 64) "POST / HTTP/1.1\0d\0aHost: a\0d\0aContent-Length: 100\0d\0a\0d\0ahalf")
  (func (export "_start")
    i32.const 0 i32.const 16 i32.const 1 i32.const 44 call $read if i32.const -1 i32.load drop end
    i32.const 1 i32.const 2 i32.const 48 call $open if i32.const -1 i32.load drop end
    i32.const 48 i32.load i32.const 8 i32.const 40 i32.load call $connect if i32.const -1 i32.load drop end
    i32.const 48 i32.load i32.const 24 i32.const 1 i32.const 0 i32.const 52 call $send if i32.const -1 i32.load drop end
    unreachable))
