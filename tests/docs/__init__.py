"""The documentation, held against what is: its commands are run, its tables compared."""
