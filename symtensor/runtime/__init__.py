"""Running Programs: compiler, cache, loader, BLAS addresses, the interpreter, and the executor that binds a call."""
