"""What the engine costs, beside stock `socketserver` under the same handler and load.

    python -m benchmarks              everything
    python -m benchmarks --quick      short rounds, for development
    python -m benchmarks echo pool    some scenarios
    python -m benchmarks --list       which there are

How it measures, and what each line means: docs/benchmarks.md.
"""
