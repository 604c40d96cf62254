#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
rdma_core_suite.py MODULE [--dev NAME]: one module of rdma-core's own test suite, as TAP.

The suite is what Debian's python3-pyverbs ships, unpacked to /tmp. A test that
skips itself is accepted only for a reason listed below; any other skip fails,
because it may hide something the driver should do. One module is one process,
left by _exit(): on Debian 13 the interpreter can crash while cleaning up.
"""
import gzip
import os
import re
import shutil
import sys
import tempfile
import unittest

SUITE = '/usr/share/doc/rdma-core/tests'

# Reasons to skip that hold for any Soft-RoCE device.
EXPECTED = [
    r'XRCD',                            # not in Soft-RoCE's ABI
    r'^Device memory',                  # no such memory
    r'Raw Packet',                      # Ethernet QPs
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


def main():
    module = sys.argv[1]
    sys.argv[1:] = sys.argv[2:] or ['--dev', 'rxe0']
    where = unpack()
    sys.path.insert(0, where)
    os.chdir(where)
    from args_parser import parser
    parser.parse_args()

    # The suite imports itself as the package "tests" in places.
    os.symlink(where, os.path.join(where, 'tests'))
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromName(f'tests.{module}')
    result = Tap()
    suite.run(result)
    for error in loader.errors:
        print(f'# {error}')
    print(f'1..{result.count}', flush=True)
    os._exit(1 if result.bad or loader.errors or not result.count else 0)


main()
