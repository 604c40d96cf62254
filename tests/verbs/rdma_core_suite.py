#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
rdma_core_suite.py MODULE [--dev NAME]: one module of rdma-core's own test suite, as TAP.
rdma_core_suite.py rest [--dev NAME]: all generic modules that no pyverbs_NAME.sh runs.

The suite is what Debian's python3-pyverbs ships, unpacked to /tmp. A test that
skips itself is accepted only for a reason listed below; any other skip fails,
because it may hide something the driver should do. One module is one process,
left by _exit(): on Debian 13 the interpreter can crash while cleaning up. What is
skipped and why: docs/verbs-suite.md.
"""
import gc
import gzip
import os
import re
import shutil
import sys
import tempfile
import unittest

SUITE = '/usr/share/doc/rdma-core/tests'

# Modules about what one vendor's devices have beyond the common verbs.
VENDORS = r'test_(mlx|efa|irdma|mana|cuda)'

# Reasons to skip that hold for any Soft-RoCE device.
EXPECTED = [
    r'XRCD',                            # not in Soft-RoCE's ABI
    r'^Device memory',                  # no such memory
    r'Raw Packet|^Create QP type 8 ',   # Ethernet QPs
    r'^Tag matching|^Extended CQ is not',  # tag matching is not in Soft-RoCE's ABI
    r'^Parent Domain|^Importing a device',  # rdma-core's rxe provider lacks the call
    r'/dev/dri/renderD128',             # no GPU
    r'^Advise MR|^Rereg MR',            # rdma-core's rxe provider lacks the call
    r'imestamp',                        # no hardware clock
]


def unpack():
    """The suite as a directory of plain files."""
    where = tempfile.mkdtemp(prefix='pyverbs.')
    for name in os.listdir(SUITE):
        source = os.path.join(SUITE, name)
        if name.endswith('.gz'):
            with gzip.open(source) as packed, \
                    open(os.path.join(where, name[:-3]), 'wb') as plain:
                shutil.copyfileobj(packed, plain)
        else:
            shutil.copy(source, where)
    return where


def the_rest():
    """Modules for devices of any vendor that have no script of their own."""
    here = os.path.dirname(os.path.abspath(__file__))
    modules = []
    for name in sorted(os.listdir(SUITE)):
        module = name.split('.')[0]
        script = os.path.join(here, module.replace('test_', 'pyverbs_') + '.sh')
        if module.startswith('test_') and not os.path.exists(script) and \
                not re.match(VENDORS, module):
            modules.append(module)
    return modules


class Tap(unittest.TestResult):
    """Prints each result as it comes."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.bad = 0

    def line(self, good, test, note=''):
        self.count += 1
        self.bad += not good
        name = test.id().split('.', 1)[-1]
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{note}", flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def blame(self, test, error):
        self.line(False, test)
        text = ''.join(self._exc_info_to_string(error, test))
        print(''.join(f'# {x}\n' for x in text.splitlines()), end='', flush=True)

    def addError(self, test, error):
        self.blame(test, error)

    def addFailure(self, test, error):
        self.blame(test, error)

    def addSubTest(self, test, subtest, error):
        if error:
            self.blame(subtest, error)

    def addSkip(self, test, reason):
        reason = ' '.join(reason.split())
        if any(re.search(pattern, reason) for pattern in EXPECTED):
            self.line(True, test, f' # SKIP {reason}')
        else:
            self.line(False, test, f' (unexpected skip: {reason})')


def run(module, result):
    """Runs a module; returns what kept it from being loaded."""
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromName(f'tests.{module}')
    suite.run(result)
    return loader.errors


def run_apart(module, result):
    """The same in a process of its own, left without cleaning up."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        errors = run(module, result)
        for error in errors:
            print(f'# {error}', flush=True)
        os.write(writing, f'{result.count} {result.bad + len(errors)}'.encode())
        os._exit(0)
    os.close(writing)
    counts = os.read(reading, 100).split()
    os.close(reading)
    os.waitpid(child, 0)
    if counts:
        result.count, result.bad = map(int, counts)
        return []
    print(f'not ok - {module} died', flush=True)
    result.bad += 1
    return []


def main():
    modules = sys.argv[1:2] if sys.argv[1] != 'rest' else the_rest()
    sys.argv[1:] = sys.argv[2:] or ['--dev', 'rxe0']
    where = unpack()
    sys.path.insert(0, where)
    os.chdir(where)
    from args_parser import parser
    parser.parse_args()

    # The suite imports itself as the package "tests" in places.
    os.symlink(where, os.path.join(where, 'tests'))
    # Objects of a test that skips itself can crash when they are collected.
    unittest.TestSuite._cleanup = False
    gc.disable()
    result = Tap()
    errors = []
    for module in modules:
        errors += (run if len(modules) == 1 else run_apart)(module, result)
    for error in errors:
        print(f'# {error}')
    print(f'1..{result.count}', flush=True)
    os._exit(1 if result.bad or errors or not result.count else 0)


main()
