"""Brings what a clone lacks: `python3 -m setup PURPOSE`, called by the Makefile.

Runs on the standard library alone, before the virtual environment exists. What it makes
stands inside the clone (`.venv`, `node_modules`, `static/vendor`, `.cache`); only Debian's
packages go into the system, and only where it runs as root. Each made folder bears a stamp,
a hash of the files it was made from, written last: a folder whose stamp is absent or other
is made again, and where all stamps fit nothing is done and no network is asked.
"""
