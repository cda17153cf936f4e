"""The engine over real sockets: what a user of the library sees of services and connections."""
