"""Prints the figures: `python -m tests.measures`."""

# ruff: noqa: T201 - it prints

from random import SystemRandom

from cpproxy.core.redaction.finding import Finder
from cpproxy.core.redaction.policy import Policy
from tests.measures import chances, traffic

TIMES = 1000


def main() -> None:
    finder = Finder(Policy())
    source = SystemRandom()
    print("random strings that nothing names, found whole:")
    for (alphabet, length), share in chances.measure_recall(finder, source, TIMES).items():
        print(f"  {alphabet:18} {length:3} characters {share:7.1%}")
    print("what is none and is taken for a secret all the same:")
    for name, share in chances.measure_alarms(finder, source, TIMES).items():
        print(f"  {name:18} {share:7.1%}")
    print("real traffic:")
    for name, passed in traffic.SOURCES.items():
        tally = traffic.count(finder, passed())
        print(f"  {name:10} {tally.values:7} values, {len(tally.finds)} finds, {len(tally.alarms)} false alarms")
        for find, where in tally.alarms:
            print(f"    {find.role} {find.reason.name} {find.value!r} in {where}")


if __name__ == "__main__":
    main()
