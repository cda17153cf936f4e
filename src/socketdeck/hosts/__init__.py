"""Where a server runs: in a background thread of this process, or in a child process of its own."""
