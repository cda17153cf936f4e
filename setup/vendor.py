"""The browser's modules: copied from node_modules to static/vendor.

There is no build step: the browser loads these files as they are, and finds one from another by
the bare names in the page's import map (`templates/base.html`), which has each name's file here.
"""

import re
import shutil
from pathlib import Path

from setup.paths import NODE_MODULES, VENDOR

# The file here, and the published one it is a copy of.
MODULES = {
    # "preact", the components: h, render, Fragment.
    "preact.js": "preact/dist/preact.mjs",
    # "preact/hooks": useState, useEffect, useRef; imports preact.
    "preact-hooks.js": "preact/hooks/dist/hooks.mjs",
    # "@preact/signals-core", state apart from components: signal, computed, effect, batch.
    "signals-core.js": "@preact/signals-core/dist/signals-core.mjs",
    # "@preact/signals": components that update where a signal they read changes; imports the
    # three above.
    "signals.js": "@preact/signals/dist/signals.mjs",
    # "htm": markup in tagged templates, in place of JSX and its compiler.
    "htm.js": "htm/dist/htm.mjs",
    # "htm/preact": html, the tag bound to preact's h; imports preact and htm.
    "htm-preact.js": "htm/preact/index.mjs",
    # "socket.io-client", the live link, with all it needs in one file.
    "socket.io.js": "socket.io-client/dist/socket.io.esm.min.js",
    # "uplot", the charts: draws lines on a canvas; and the style sheet it comes with.
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}

_SOURCE_MAP_COMMENT = re.compile(rb"\n?//# sourceMappingURL=\S+\s*\Z")


def copy_modules(node_modules: Path = NODE_MODULES, vendor: Path = VENDOR) -> None:
    """Make `vendor` anew from `node_modules`; raises FileNotFoundError if a package is absent."""
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    for target, source in MODULES.items():
        # The maps stay behind, so a browser must not be told to ask for them.
        published = (node_modules / source).read_bytes()
        (vendor / target).write_bytes(_SOURCE_MAP_COMMENT.sub(b"\n", published))
