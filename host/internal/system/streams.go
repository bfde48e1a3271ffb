package system

// Streams are the plain connections of a guest, on which its engine may receive and send
// by itself, where the way to a row is long: those of TCP that do not block, while
// nothing is traced, counted, limited in its rate or made to fail, and nobody has asked
// the guest to end. A row that is called has them back.
//
// It may do so with one buffer that is not empty, and without flags. Where that comes to
// the end of the stream or to EPIPE, the row says what it is: it finds the same. Errno
// tells all other errors.
//
// The memory belongs to the engine, and is used until Close.
type Streams struct {
	Of             []Stream // by number, less FirstSocket
	Received, Sent *uint64  // bytes that the engine has, and no row knows of yet
}

// A Stream is one of them.
type Stream struct {
	FD int32 // the operating system's, plus 1; 0 is that the row is to be called
}
