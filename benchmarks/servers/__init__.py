"""The servers that are measured, each the whole of a child process (see `benchmarks.child`)."""
