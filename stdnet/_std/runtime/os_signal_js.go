package runtime

const _NSIG = 0

func signame(uint32) string { return "" }

func sigdisable(uint32) {}
func sigenable(uint32)  {}
func sigignore(uint32)  {}
