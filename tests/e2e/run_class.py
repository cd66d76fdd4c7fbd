#!/usr/bin/env python3
"""Runs one class of tests for ctest: run_class.py SUBJECT CLASS. Exit status: 0 passed, 1 failed, 77 all skipped."""

import sys
import unittest

from support import ON_CELL, why_not_on_cell

SKIPPED = 77


def main():
    sys.dont_write_bytecode = True  # the source folder stays as it is
    subject, name = sys.argv[1:]
    if ON_CELL and (reason := why_not_on_cell()):
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test_{subject}.{name}")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    # A skip in setUpClass counts no tests as run.
    if result.skipped and len(result.skipped) >= result.testsRun:
        sys.exit(SKIPPED)
    if result.testsRun == 0:
        sys.exit(f"no tests in {subject}.{name}")


main()
