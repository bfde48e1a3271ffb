// The declarations of api.h beside wasmtime's own.
#include <wasmtime.h>

#include "../api.h"
