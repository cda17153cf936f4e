"""The command line: `python -m benchmarks [--quick] [NAME...]`."""

from __future__ import annotations

import argparse
import sys
import traceback
from datetime import UTC, datetime

from benchmarks import build, report
from benchmarks.compare import progress
from benchmarks.measure import Line
from benchmarks.plan import Plan
from benchmarks.scenarios import SCENARIOS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for development")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are")
    parser.add_argument("scenario", nargs="*", metavar="NAME", help="which to run; all if none")
    arguments = parser.parse_args()
    unknown = set(arguments.scenario) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; --list says which there are")
    return arguments


def main() -> int:
    """0 when everything asked for ran to its end, whatever was measured; 1 when it did not."""
    arguments = _arguments()
    if arguments.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:10} {scenario.title}")
        return 0
    try:
        build.program("loadgen")
    except build.CannotBuild as error:
        print(error, file=sys.stderr)
        return 1

    plan = Plan.standard(quick=arguments.quick)
    began = datetime.now(UTC)
    results: list[tuple[str, Line]] = []
    failures: dict[str, str] = {}
    for scenario in SCENARIOS:
        if arguments.scenario and scenario.name not in arguments.scenario:
            continue
        progress(scenario.name)
        said = False
        try:
            for line in scenario.run(plan):
                progress("")
                if not said:
                    print(report.heading(f"{scenario.name}: {scenario.title}"))
                    said = True
                print(report.row(line), flush=True)
                results.append((scenario.name, line))
        except Exception as error:  # one scenario that breaks leaves the others their say
            progress("")
            failures[scenario.name] = traceback.format_exc()
            print(f"\n{scenario.name}: did not run to its end: {error}", flush=True)
    progress("")
    print(report.summary(results))
    if warning := report.trust(results):
        print(warning)
    print(f"every sample: {report.save(plan, results, failures, began)}")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        progress("")
        sys.exit(130)
