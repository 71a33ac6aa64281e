#!/usr/bin/env python3
"""What is broken for long: the failure is told, nothing stays behind, nobody waits for it, and once it is mended the
exports go on by themselves.

    disk      a target without room, read only, in the way of a file, or removed; a data folder without room
    azurite   credentials that are refused, a container that is gone, a store that doesn't answer
    s3rver    the same

usage: mending_test.py --server build/spillway --case disk|azurite|s3rver

The disk's cases mount small file systems of their own: in a user namespace where one can be had, as root otherwise.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

from targets import accounts
from harness import Failure, Server, in_folder, wait_for

INSIDE = 'SPILLWAY_MENDING_TEST_INSIDE'
TIMES = 'first_delay=20;longest_delay=100;janitor=1000;late_arrival=3000'
SOON = 20               # seconds that anything here may take to show
END_SECONDS = 10        # that a stop or a cancellation may take, where a time-out takes 60
FAILURES_IN_A_WHILE = 12


class Case:
    """A server with a table T, an external table E and a continuous export X of T, whose artifacts are CSV."""

    def __init__(self, args, folder, connection, arguments=()):
        self.folder, self.records, self.failed = folder, 0, 0
        os.makedirs(folder, exist_ok=True)
        os.environ['SPILLWAY_TEST_TIMES'] = TIMES
        self.program, self.arguments = os.path.abspath(args.server), list(arguments)
        self.server = Server(self.program, folder, self.arguments)
        self.server.mgmt('.create table T (Id:long, Text:string)')
        self.create_external('E', connection)
        self.server.mgmt('.create-or-alter continuous-export X over (T) to table E with (intervalBetweenRuns=1s) <| T')

    def create_external(self, name, connection):
        self.server.mgmt(f'.create-or-alter external table {name} (Id:long, Text:string) kind=storage dataformat=csv '
                         f"(h@'{connection}')")

    def ingest(self, count, width=20):
        lines = '\n'.join(f'{i},{str(i) * (width // len(str(i)))}' for i in range(self.records, self.records + count))
        self.server.mgmt(f'.ingest inline into table T <|\n{lines}')
        self.records += count

    def wait_for_failure(self, kind, permanent, words):
        """A new row of `.show continuous-export X failures` that tells what is wrong."""
        def wrong():
            rows = self.server.mgmt('.show continuous-export X failures')
            new = rows[:max(0, len(rows) - self.failed)]
            return None if any(words in row['Details'] for row in new) else rows[:1] or 'no failure'
        wait_for(f'a failure with "{words}"', wrong, SOON)
        failed = next(row for row in self.server.mgmt('.show continuous-export X runs')
                      if row['State'] == 'Failed' and words in row['Details'])
        if not failed['Details'].startswith(f'{kind}: ') or bool(failed['IsPermanentFailure']) != permanent:
            raise Failure(f'the failure is to be {kind}, permanent {permanent}: {failed}')

    def mended(self, read_all):
        """All that was ingested is exported once, and no more is there than is reported."""
        def behind():
            seen = sum(row['NumRecords'] for row in self.artifacts())
            return None if seen == self.records else f'{seen} of {self.records} records'
        wait_for('exported', behind, 60)

        def strays():
            known = {row['Path'] for row in self.artifacts()}
            there = set(read_all())
            return sorted(there ^ known)[:3]
        wait_for('files that are not reported, or not there', strays, SOON)
        ids = sorted(int(line.split(',')[0]) for data in read_all().values()
                     for line in data.decode().splitlines())
        if ids != list(range(self.records)):
            raise Failure(f'{len(ids)} records in the files, {self.records} ingested')
        self.failed = len(self.server.mgmt('.show continuous-export X failures'))
        if self.failed > FAILURES_IN_A_WHILE:
            raise Failure(f'{self.failed} failed runs: the retries are not bounded')

    def artifacts(self):
        return self.server.mgmt('.show continuous-export X exported-artifacts')

    def restart(self):
        self.server.stop()
        self.server = Server(self.program, self.folder, self.arguments)


# ---- disks -----------------------------------------------------------------------------------------------------

def mount(folder, megabytes):
    os.makedirs(folder)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={megabytes}m', 'tmpfs', folder], check=True)


def remount(folder, how):
    subprocess.run(['mount', '-o', f'remount,{how}', folder], check=True)


def fill(folder):
    """Leaves no room; the file that takes it."""
    path = os.path.join(folder, 'filler')
    with open(path, 'wb', buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(b'x' * size)
            except OSError:
                pass
    return path


def read_folder(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            try:
                found[path] = open(path, 'rb').read()
            except (FileNotFoundError, NotADirectoryError):
                pass
    return found


def target_disk(args, folder):
    root = os.path.join(folder, 'disk')
    mount(root, 4)
    target = os.path.join(root, 'out')
    case = Case(args, os.path.join(folder, 'target'), target, ['--storage-root', root])
    case.ingest(10)
    case.mended(lambda: read_folder(target))

    filler = fill(root)
    case.ingest(1000)
    case.wait_for_failure('StorageTransient', False, 'No space left on device')
    only_whole(case, target)
    os.remove(filler)
    case.mended(lambda: read_folder(target))

    remount(root, 'ro')
    case.ingest(10)
    case.wait_for_failure('StorageAccess', True, 'Read-only file system')
    remount(root, 'rw')
    case.mended(lambda: read_folder(target))

    # Another folder takes the place of one that was removed; what lay there is missing, and told to be.
    lost = case.records
    shutil.rmtree(target)
    with open(target, 'w') as file:
        file.write('in the way')
    case.ingest(10)
    case.wait_for_failure('StorageAccess', True, 'Not a directory')
    os.remove(target)

    def new_folder():
        ids = [int(line.split(b',')[0]) for data in read_folder(target).values() for line in data.splitlines()]
        return None if ids == list(range(lost, lost + 10)) else f'{ids[:3]} …'
    wait_for('exported again', new_folder, 60)
    wait_for('reported', lambda: None if sum(row['NumRecords'] for row in case.artifacts()) == case.records else 'behind')
    states = {row['State'] for row in case.server.mgmt('.verify continuous-export X')}
    if states != {'Missing', 'Verified'}:
        raise Failure(f'.verify says {states}')
    case.server.stop()
    print('a target that is full, read only, replaced or removed: told, mended', flush=True)


def only_whole(case, target):
    known = {row['Path'] for row in case.artifacts()}
    wait_for('a listing of reported files only',
             lambda: sorted(set(read_folder(target)) - known)[:3], SOON)


def data_disk(args, folder):
    """Staging folder, extents and catalog on a disk without room."""
    root, target = os.path.join(folder, 'small'), os.path.join(folder, 'elsewhere')
    mount(root, 48)
    os.makedirs(target)
    case = Case(args, root, target, ['--storage-root', target])
    case.ingest(1000)
    case.mended(lambda: read_folder(target))
    before = case.records

    filler = fill(root)
    refused = 0
    for _ in range(5):
        try:
            case.ingest(1000)
        except Failure as answer:
            refused += 1
            if 'space' not in str(answer) and 'full' not in str(answer):
                raise Failure(f'a full disk is not told: {answer}')
    if refused != 5:
        raise Failure(f'{5 - refused} of 5 ingestions succeeded on a full disk')
    count = case.server.ask('T | count')[0]['Count']
    if count != before:
        raise Failure(f'{count} records after refused ingestions, {before} before')
    os.remove(filler)
    case.ingest(1000)
    case.mended(lambda: read_folder(target))
    case.restart()
    count = case.server.ask('T | count')[0]['Count']
    if count != case.records:
        raise Failure(f'{count} records after the restart, {case.records} before')
    case.ingest(1000)

    # Room for an extent and none for the staging folder: a query that writes much of little.
    case.mended(lambda: read_folder(target))
    case.server.mgmt(".create-or-alter external table Wide (Text:string) kind=storage dataformat=csv "
                     f"(h@'{target}/wide')")
    try:
        case.server.mgmt('.export to table Wide <| range i from 1 to 100000 step 1 | project Text = '
                         'strcat(hash(i), "-", strrep("abcdefgh", 100), hash(i + 1))')
        raise Failure('80 MB were exported by way of a disk of 48 MB')
    except Failure as answer:
        if 'No space left' not in str(answer):
            raise
    case.ingest(10)
    case.mended(lambda: {path: data for path, data in read_folder(target).items() if '/wide/' not in path})
    if read_folder(os.path.join(target, 'wide')):
        raise Failure('a failed export left files')
    if os.listdir(os.path.join(root, 'data/staging')):
        raise Failure('a failed export left files in the staging folder')
    case.server.stop()
    print('a data folder without room: told, mended, catalog intact', flush=True)


def disk(args, folder):
    target_disk(args, folder)
    data_disk(args, folder)


def with_mounts(args):
    """Runs this test where it may mount."""
    attempts = []
    for options in (['-Urm'], ['-m']):
        probe = subprocess.run(['unshare', *options, 'sh', '-c', 'mount -t tmpfs tmpfs /tmp'], capture_output=True)
        if probe.returncode == 0:
            environment = dict(os.environ, **{INSIDE: '1'})
            return subprocess.run(['unshare', *options, sys.executable, os.path.abspath(__file__), '--server',
                                   os.path.abspath(args.server), '--case', args.case], env=environment).returncode
        attempts.append(f'unshare {options[0]}: {probe.stderr.decode().strip()}')
    print('FAILED: this test mounts file systems and may not: run it as root, or allow user namespaces '
          f'({"; ".join(attempts)})', file=sys.stderr)
    return 1


# ---- accounts --------------------------------------------------------------------------------------------------

def account(args, folder):
    target = accounts(args.case, folder)
    try:
        proxy = target.proxies['one']
        case = Case(args, os.path.join(folder, 'server'), target.connection('one', 'out'))

        def read_all():
            found = {path: read() for path, (_, read) in target.files('one', 'out').items()}
            return {path: data for path, data in found.items() if data is not None}
        case.ingest(10)
        case.mended(read_all)

        proxy.rule = lambda request: 'forbidden'
        case.ingest(10)
        case.wait_for_failure('StorageAccess', True, 'AuthenticationFailed' if args.case == 'azurite' else 'ExpiredToken')
        proxy.rule = None
        case.mended(read_all)

        # They expire in the middle of a run: what was written before can't even be deleted.
        proxy.rule = forbidden_after(lambda request: request.method == 'PUT', 1 if args.case == 's3rver' else 2)
        case.ingest(10)
        case.wait_for_failure('StorageAccess', True, 'AuthenticationFailed' if args.case == 'azurite' else 'ExpiredToken')
        proxy.rule = None
        case.mended(read_all)

        gone(args, case, target)
        silent(case, proxy)
        case.server.stop()
        print(f'{args.case}: refused credentials, a container that is gone, a store that does not answer: told, mended',
              flush=True)
    finally:
        target.close()


def forbidden_after(which, times):
    seen = [0]

    def rule(request):
        if seen[0] >= times:
            return 'forbidden'
        seen[0] += 1 if which(request) else 0
        return None
    return rule


def gone(args, case, target):
    """A container that is deleted, for another export: this one's holds files."""
    server = case.server
    target.delete('two')
    case.create_external('Gone', target.connection('two', 'out'))
    server.mgmt('.create-or-alter continuous-export Y over (T) to table Gone with (intervalBetweenRuns=1s) <| T')
    case.ingest(5)

    def told():
        rows = server.mgmt('.show continuous-export Y failures')
        words = 'ContainerNotFound' if args.case == 'azurite' else 'NoSuchBucket'
        return None if any(words in row['Details'] for row in rows) else rows[:1]
    wait_for('the missing container', told, SOON)
    target.create('two')
    wait_for('exported', lambda: None if sum(
        row['NumRecords'] for row in server.mgmt('.show continuous-export Y exported-artifacts')) == 5 else 'not yet', 60)


def silent(case, proxy):
    """Nobody waits for a store that doesn't answer: not a cancelled operation, not a disabled export, not a stop."""
    server = case.server
    wait_for('the running export', lambda: None if sum(row['NumRecords'] for row in case.artifacts()) == case.records
             else 'behind', SOON)
    proxy.rule = lambda request: 'stall'
    asked = proxy.requests
    operation = server.mgmt('.export async to table E <| T')[0]['OperationId']
    wait_for('a request', lambda: None if proxy.requests > asked else 'none', SOON)
    started = time.time()
    server.mgmt(f'.cancel operation {operation}')
    wait_for('the cancellation', lambda: None if state_of(server, operation) == 'Canceled'
             else state_of(server, operation), END_SECONDS)

    asked = proxy.requests
    case.ingest(5)
    wait_for('a request', lambda: None if proxy.requests > asked else 'none', SOON)
    server.mgmt('.disable continuous-export X')
    wait_for('the end of the run', lambda: [row for row in server.mgmt('.show continuous-exports')
                                            if row['Name'] == 'X' and row['IsRunning']], END_SECONDS)

    asked = proxy.requests
    server.mgmt('.enable continuous-export X')
    wait_for('a request', lambda: None if proxy.requests > asked else 'none', SOON)
    started = time.time()
    server.stop()
    if time.time() - started > END_SECONDS:
        raise Failure(f'the stop took {time.time() - started:.0f} s')
    proxy.rule = None
    case.server = Server(case.program, case.folder, case.arguments)
    wait_for('exported', lambda: None if sum(row['NumRecords'] for row in case.artifacts()) == case.records
             else 'behind', 60)


def state_of(server, operation):
    return server.mgmt(f'.show operations {operation}')[0]['State']


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--server', required=True)
    parser.add_argument('--case', choices=('disk', 'azurite', 's3rver'), required=True)
    args = parser.parse_args()
    if args.case == 'disk' and INSIDE not in os.environ:
        return with_mounts(args)
    return in_folder('mending', lambda folder: disk(args, folder) if args.case == 'disk' else account(args, folder))


if __name__ == '__main__':
    sys.exit(main())
