#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
pyverbs.py MODULE [--dev NAME]: one module of rdma-core's own test suite, as TAP.

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
    (r'XRC|xrc', 'no XRC in Soft-RoCE'),
    (r'[Dd]evice memory|\bDM\b|alloc_dm', 'no device memory in Soft-RoCE'),
    (r'DC|mlx5|MLX5|[Ee]fa|EFA|SRD', 'other hardware'),
    (r'raw packet|Raw Packet|RAW_PACKET|RawQP', 'no raw packet QPs in Soft-RoCE'),
    (r'TSO|tso|scatter.fcs|VLAN|vlan', 'Ethernet offload of raw QPs'),
    (r'timestamp|TIMESTAMP', 'no hardware clock'),
    (r'underlay|UNDERLAY|IPoIB', 'InfiniBand link layer only'),
    (r'dmabuf|DMABUF|GPU|cuda', 'no GPU'),
    (r'tag.matching|Tag.matching|\bTM\b', 'no tag matching in Soft-RoCE'),
    (r'RSS|rss|\bWQ\b', 'no receive-side scaling of QPs'),
    (r'root', 'needs more privileges'),
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
        for pattern, _ in EXPECTED:
            if re.search(pattern, reason):
                self.line(True, test, f' # SKIP {reason}')
                return
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
