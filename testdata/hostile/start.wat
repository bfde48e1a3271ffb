;; The same loop before the guest has begun.
(module
  (memory (export "memory") 1)
  (func $spin (export "_start")
    loop
      br 0
    end)
  (start $spin))
