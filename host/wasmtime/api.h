#pragma once

// What this package uses of wasmtime's C API, version 44. The headers of wasmtime-go are not
// where the C compiler looks for them, as those of another package never are. TestAPI compiles
// this file with them: what differs there does not compile.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_frame_t wasm_frame_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasmtime_caller wasmtime_caller_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_store wasmtime_store_t;

#define WASMTIME_VERSION "44.0.0"

#ifndef WASMTIME_API_H // wasmtime's own

typedef struct { size_t size; char *data; } wasm_byte_vec_t;
typedef struct { size_t size; wasm_frame_t **data; } wasm_frame_vec_t;
typedef struct { size_t size; wasm_valtype_t **data; } wasm_valtype_vec_t;

typedef struct { uint64_t store_id; void *private_; } wasmtime_func_t;
typedef struct { uint64_t store_id; size_t private_; } wasmtime_instance_t;
typedef struct { uint64_t store_id; uint32_t private_[4]; } wasmtime_memory_t;

typedef struct {
	uint8_t kind;
	union {
		wasmtime_func_t func;
		wasmtime_memory_t memory;
		uint64_t other[3];
	} of;
} wasmtime_extern_t;

enum { WASMTIME_EXTERN_FUNC = 0, WASMTIME_EXTERN_MEMORY = 3 };

typedef union {
	int32_t i32;
	int64_t i64;
	uint8_t v128[16];
	void *funcref;
} wasmtime_val_raw_t;

enum { WASM_I32, WASM_I64, WASM_F32, WASM_F64 };
enum { WASMTIME_TRAP_CODE_INTERRUPT = 10 };
enum { WASMTIME_UPDATE_DEADLINE_CONTINUE = 0 };
enum { WASMTIME_OPT_LEVEL_NONE, WASMTIME_OPT_LEVEL_SPEED };

typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count);

#endif

_Static_assert(sizeof(wasm_byte_vec_t) == 2 * sizeof(size_t) && offsetof(wasm_byte_vec_t, data) == sizeof(size_t), "wasm_byte_vec_t");
_Static_assert(sizeof(wasm_frame_vec_t) == 2 * sizeof(size_t) && offsetof(wasm_frame_vec_t, data) == sizeof(size_t), "wasm_frame_vec_t");
_Static_assert(sizeof(wasm_valtype_vec_t) == 2 * sizeof(size_t) && offsetof(wasm_valtype_vec_t, data) == sizeof(size_t), "wasm_valtype_vec_t");
_Static_assert(sizeof(wasmtime_func_t) == 16, "wasmtime_func_t");
_Static_assert(sizeof(wasmtime_instance_t) == 16, "wasmtime_instance_t");
_Static_assert(sizeof(wasmtime_memory_t) == 24, "wasmtime_memory_t");
_Static_assert(sizeof(wasmtime_extern_t) == 32 && offsetof(wasmtime_extern_t, of) == 8, "wasmtime_extern_t");
_Static_assert(sizeof(wasmtime_val_raw_t) == 16, "wasmtime_val_raw_t");
_Static_assert(WASM_I32 == 0 && WASM_I64 == 1 && WASM_F32 == 2 && WASM_F64 == 3, "wasm_valkind_t");
_Static_assert(WASMTIME_EXTERN_FUNC == 0 && WASMTIME_EXTERN_MEMORY == 3, "wasmtime_extern_kind_t");
_Static_assert(WASMTIME_TRAP_CODE_INTERRUPT == 10, "wasmtime_trap_code_t");
_Static_assert(WASMTIME_UPDATE_DEADLINE_CONTINUE == 0, "wasmtime_update_deadline_kind_t");
_Static_assert(WASMTIME_OPT_LEVEL_NONE == 0 && WASMTIME_OPT_LEVEL_SPEED == 1, "wasmtime_opt_level_t");

void wasm_byte_vec_delete(wasm_byte_vec_t *);
void wasm_frame_vec_delete(wasm_frame_vec_t *);
void wasm_valtype_vec_new(wasm_valtype_vec_t *out, size_t, wasm_valtype_t *const[]);
wasm_valtype_t *wasm_valtype_new(uint8_t kind);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results);
void wasm_functype_delete(wasm_functype_t *);

wasm_config_t *wasm_config_new(void);
wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *);
void wasmtime_engine_increment_epoch(wasm_engine_t *);
wasmtime_error_t *wasmtime_config_target_set(wasm_config_t *, const char *);
void wasmtime_config_async_stack_size_set(wasm_config_t *, uint64_t);
void wasmtime_config_max_wasm_stack_set(wasm_config_t *, size_t);
void wasmtime_config_cranelift_opt_level_set(wasm_config_t *, uint8_t);
void wasmtime_config_epoch_interruption_set(wasm_config_t *, bool);
void wasmtime_config_macos_use_mach_ports_set(wasm_config_t *, bool);
void wasmtime_config_shared_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_component_model_set(wasm_config_t *, bool);
void wasmtime_config_wasm_custom_page_sizes_set(wasm_config_t *, bool);
void wasmtime_config_wasm_exceptions_set(wasm_config_t *, bool);
void wasmtime_config_wasm_function_references_set(wasm_config_t *, bool);
void wasmtime_config_wasm_gc_set(wasm_config_t *, bool);
void wasmtime_config_wasm_memory64_set(wasm_config_t *, bool);
void wasmtime_config_wasm_multi_memory_set(wasm_config_t *, bool);
void wasmtime_config_wasm_relaxed_simd_set(wasm_config_t *, bool);
void wasmtime_config_wasm_stack_switching_set(wasm_config_t *, bool);
void wasmtime_config_wasm_tail_call_set(wasm_config_t *, bool);
void wasmtime_config_wasm_threads_set(wasm_config_t *, bool);
void wasmtime_config_wasm_wide_arithmetic_set(wasm_config_t *, bool);

wasmtime_error_t *wasmtime_module_new(wasm_engine_t *, const uint8_t *wasm, size_t, wasmtime_module_t **);
wasmtime_error_t *wasmtime_module_serialize(wasmtime_module_t *, wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_module_deserialize_file(wasm_engine_t *, const char *path, wasmtime_module_t **);
void wasmtime_module_delete(wasmtime_module_t *);

wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *data, void (*finalizer)(void *));
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_limiter(wasmtime_store_t *, int64_t memory_size, int64_t table_elements, int64_t instances, int64_t tables, int64_t memories);
void wasmtime_store_epoch_deadline_callback(wasmtime_store_t *,
	wasmtime_error_t *(*callback)(wasmtime_context_t *, void *data, uint64_t *delta, uint8_t *kind),
	void *data, void (*finalizer)(void *));
void wasmtime_context_set_epoch_deadline(wasmtime_context_t *, uint64_t ticks_beyond_current);
void wasmtime_store_delete(wasmtime_store_t *);

void wasmtime_func_new_unchecked(wasmtime_context_t *, const wasm_functype_t *, wasmtime_func_unchecked_callback_t, void *env, void (*finalizer)(void *), wasmtime_func_t *);
wasmtime_error_t *wasmtime_func_call_unchecked(wasmtime_context_t *, const wasmtime_func_t *, wasmtime_val_raw_t *values, size_t, wasm_trap_t **);
bool wasmtime_caller_export_get(wasmtime_caller_t *, const char *name, size_t, wasmtime_extern_t *);
wasmtime_error_t *wasmtime_instance_new(wasmtime_context_t *, const wasmtime_module_t *, const wasmtime_extern_t *imports, size_t, wasmtime_instance_t *, wasm_trap_t **);
bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *name, size_t, wasmtime_extern_t *);
uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);

wasmtime_error_t *wasmtime_error_new(const char *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_byte_vec_t *);
void wasmtime_error_wasm_trace(const wasmtime_error_t *, wasm_frame_vec_t *);
void wasmtime_error_delete(wasmtime_error_t *);
wasm_trap_t *wasmtime_trap_new_code(uint8_t);
bool wasmtime_trap_code(const wasm_trap_t *, uint8_t *);
void wasm_trap_message(const wasm_trap_t *, wasm_byte_vec_t *);
void wasm_trap_trace(const wasm_trap_t *, wasm_frame_vec_t *);
void wasm_trap_delete(wasm_trap_t *);
uint32_t wasm_frame_func_index(const wasm_frame_t *);
const wasm_byte_vec_t *wasmtime_frame_func_name(const wasm_frame_t *);
