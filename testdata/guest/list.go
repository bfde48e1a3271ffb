package main

import "github.com/wasisock/wasisock/sockabi"

// A list is the memory that a guest prepares for the results of sock_getaddrinfo.
type list struct {
	first *uint32 // where the pointer to the first node stands
	nodes []*sockabi.AddrInfo
	addrs []*sockabi.SockAddr
	data  [][]byte
	names [][]byte
}

// newList links n nodes with room for data of dataSize bytes and names of
// nameSize bytes.
func newList(n, dataSize, nameSize int) *list {
	l := &list{first: place(uint32(0))}
	for i := range n {
		data, canon := room(dataSize), room(nameSize)
		addr := place(sockabi.SockAddr{DataLen: uint32(dataSize), Data: start(data)})
		node := place(sockabi.AddrInfo{Addr: at(addr)})
		if nameSize > 0 {
			node.CanonName, node.CanonNameLen = start(canon), uint32(nameSize)
		}
		if i == 0 {
			*l.first = at(node)
		} else {
			l.nodes[i-1].Next = at(node)
		}
		l.nodes = append(l.nodes, node)
		l.addrs = append(l.addrs, addr)
		l.data = append(l.data, data)
		l.names = append(l.names, canon)
	}
	return l
}
