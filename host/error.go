package host

// A ModuleError says why a file cannot be a guest, in one line: what is wrong with
// it and what to do.
type ModuleError struct{ Text string }

func (e *ModuleError) Error() string { return e.Text }

// A TrapError is the end of a guest that did what wasm forbids, such as reaching
// memory that it does not have. Text is the engine's report, with the guest's stack
// when the engine knows it: several lines.
type TrapError struct{ Text string }

func (e *TrapError) Error() string { return e.Text }
