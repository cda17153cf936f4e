"""Serving the panel: gunicorn's arbiter and one threaded worker of our own.

The arbiter forks the worker before any thread exists, and then does nothing but wait: the engine,
the store and the web application live in the worker (`worker`). Either ends with the other, however
it ends: the worker holds one end of a pipe whose other end only the arbiter has, and the arbiter
replaces no worker (`arbiter`).
"""

BODY_READ = "socketdeck.body_read"
"""In a request's environment, where it has a body: to be called once that was read."""
