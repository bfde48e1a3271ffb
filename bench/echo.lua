-- The request of the WasmEdge book: curl -d "name=WasmEdge" -X POST
wrk.method = "POST"
wrk.body = "name=WasmEdge"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
