package wasi

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/sockabi"
)

var le = binary.LittleEndian

// memory is the memory of the calling guest. All reads and writes of this package there are in
// this file.
type memory struct {
	module api.Module
	fdstat api.GoModuleFunction // wazero's own fd_fdstat_get
}

func (m *memory) View(offset, size uint32) ([]byte, bool) {
	return m.module.Memory().Read(offset, size)
}

// filetype returns the type of one of wazero's descriptors. wazero writes it to guest memory, so
// filetype uses a part of that and restores it.
func (m *memory) filetype(ctx context.Context, fd uint32) (uint8, sockabi.Errno) {
	stat, ok := m.View(0, sockabi.FDStatSize)
	if !ok {
		return 0, sockabi.EBADF
	}
	var saved [sockabi.FDStatSize]byte
	copy(saved[:], stat)
	stack := [2]uint64{uint64(fd), 0}
	m.fdstat.Call(ctx, m.module, stack[:])
	filetype := stat[0]
	copy(stat, saved[:])
	return filetype, sockabi.Errno(stack[0])
}

// setNonblock sets FDFLAG_NONBLOCK in the FDStat at ptr, which wazero has written.
func (m *memory) setNonblock(ptr uint32) {
	if stat, ok := m.View(ptr, sockabi.FDStatSize); ok {
		flags := stat[2:]
		le.PutUint16(flags, le.Uint16(flags)|sockabi.FDFLAG_NONBLOCK)
	}
}

// buffers returns the non-empty ones of count buffers at iovs. They alias guest memory.
func (m *memory) buffers(iovs, count uint32) (buffers [][]byte, errno sockabi.Errno) {
	array, ok := m.View(iovs, count*sockabi.IOVecSize)
	if !ok {
		return nil, sockabi.EFAULT
	}
	for ; len(array) > 0; array = array[sockabi.IOVecSize:] {
		data, ok := m.View(le.Uint32(array), le.Uint32(array[4:]))
		if !ok {
			return nil, sockabi.EFAULT
		}
		if len(data) > 0 {
			buffers = append(buffers, data)
		}
	}
	return buffers, 0
}
