//go:build wasmedge

#define _GNU_SOURCE
#include "engine.h"

static WasmEdge_Result nothing(void *data, const WasmEdge_CallingFrameContext *frame,
			       const WasmEdge_Value *params, WasmEdge_Value *returns)
{
	return WasmEdge_Result_Success;
}

// wasisock_canceller is for WasmEdge_AsyncCancel, which stops what the executor runs,
// whoever began it.
WasmEdge_Async *wasisock_canceller(WasmEdge_ExecutorContext *executor)
{
	WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(NULL, 0, NULL, 0);
	WasmEdge_FunctionInstanceContext *function = WasmEdge_FunctionInstanceCreate(type, nothing, NULL, 0);
	WasmEdge_FunctionTypeDelete(type);
	WasmEdge_Async *async = WasmEdge_ExecutorAsyncInvoke(executor, function, NULL, 0);
	if (async)
		WasmEdge_AsyncWait(async);
	WasmEdge_FunctionInstanceDelete(function);
	return async;
}
