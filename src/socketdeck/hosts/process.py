"""placeholder"""
from socketdeck.hosts.thread import ThreadHost as ProcessHost
