;; A loop that neither ends nor calls.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    loop
      br 0
    end))
