"""The panel in a browser: what a person does and sees, with a real panel and real clients."""
