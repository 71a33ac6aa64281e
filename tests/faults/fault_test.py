#!/usr/bin/env python3
"""Storage that fails, and the proof that nothing is lost or doubled.

Clients ingest concurrently while three continuous exports run every second into two storage accounts, each behind a
proxy that injects faults into a given share of all requests: refused and broken connections, stalls, 500, 503 and 429,
slow and truncated answers, answers lost after the request took effect, requests that take effect seconds after their
connection broke, damaged bodies. For a while one account is down altogether.

    Csv    CSV with gzip, partitioned, spread over both accounts, with manifests
    PqA    Parquet, partitioned, into one account, with manifests
    PqB    the same table by the same query to the same external table

  * at each listing during the run every file is complete: it has the listed length and can be read to its end
  * once the faults end, each acknowledged record is in the reported artifacts of each export exactly once
  * after the janitor's pass the targets hold reported files and manifests only, and stay so while late requests arrive

usage: fault_test.py --server build/spillway --store azurite|s3rver [--records N] [--rate R] [--seconds S] [--seed S]
"""
import argparse
import collections
import contextlib
import csv
import gzip
import io
import json
import os
import random
import sys
import threading
import time

from targets import accounts
from harness import Failure, Server, behind, in_folder, manifest_fault, wait_for

QUIET_SECONDS = 4        # longer than the proxies hold back what comes late
TIMES = 'connect=1000;stall=1000;first_delay=20;longest_delay=300;longest_call=20000;janitor=1000;late_arrival=6000'
EXPORTS = {'Csv': 'T1', 'PqA': 'T2', 'PqB': 'T2'}
FOLDERS = {'Csv': ('one', 'two'), 'Pq': ('one',)}


def ask(server, text, kind='query'):
    return server.ask(text, kind, timeout=300)


class Ingestion:
    """Clients that ingest so many records into each table, spread over the given time."""

    def __init__(self, server, records, seconds):
        self.server, self.records = server, records
        self.batch = max(50, min(5000, records // 100))
        self.pause = seconds * self.batch / records
        self.acknowledged = {'T1': set(), 'T2': set()}
        self.errors = []
        self.threads = [threading.Thread(target=self._work, args=(table,)) for table in self.acknowledged]
        for thread in self.threads:
            thread.start()

    def _work(self, table):
        try:
            due = time.time()
            for first in range(0, self.records, self.batch):
                ids = range(first, min(first + self.batch, self.records))
                lines = '\n'.join(f'{i},k{i % 16},2024-0{1 + i % 6}-01T00:00:00Z' for i in ids)
                self.server.mgmt(f'.ingest inline into table {table} <|\n{lines}')
                self.acknowledged[table].update(ids)
                due += self.pause
                time.sleep(max(0, due - time.time()))
        except Exception as error:  # of any kind: the test fails with it
            self.errors.append(f'ingestion into {table}: {error!r}')

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise Failure(self.errors[0])


class Watcher:
    """Lists the targets again and again, and reads each file that it sees for the first time."""

    def __init__(self, target):
        self.target, self.sizes, self.errors, self.listings = target, {}, [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        try:
            while not self.stopping.is_set():
                for folder, places in FOLDERS.items():
                    for account in places:
                        for path, (size, read) in self.target.files(account, folder).items():
                            self._look(path, size, read)
                self.listings += 1
                self.stopping.wait(0.3)
        except Exception as error:  # of any kind: the test fails with it
            self.errors.append(repr(error))

    def _look(self, path, size, read):
        if path in self.sizes:
            if self.sizes[path] != size:
                raise Failure(f'{path} had {self.sizes[path]} bytes and has {size}')
            return
        data = read()
        if data is None:
            return  # the janitor's
        if len(data) != size:
            raise Failure(f'{path} is listed with {size} bytes and has {len(data)}')
        complete(path, data)
        self.sizes[path] = size

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.errors:
            raise Failure(f'listing: {self.errors[0]}')


def complete(path, data):
    """Raises where the file isn't whole."""
    try:
        if path.endswith('.json'):
            return json.loads(data)
        if path.endswith('.csv.gz'):
            text = gzip.decompress(data).decode()
            if text.endswith('\n'):
                return [int(row[0]) for row in csv.reader(io.StringIO(text))]
        if path.endswith('.parquet') and len(data) > 12 and data[:4] == data[-4:] == b'PAR1':
            if int.from_bytes(data[-8:-4], 'little') + 12 <= len(data):
                return None
    except (ValueError, OSError, EOFError) as error:
        raise Failure(f'{path} is not whole: {error}')
    raise Failure(f'{path} is not whole: {len(data)} bytes')


def create(server, target):
    for table in ('T1', 'T2'):
        server.mgmt(f'.create table {table} (Id:long, Key:string, When:datetime)')
    places = ', '.join(f"h@'{target.connection(account, 'Csv')}'" for account in FOLDERS['Csv'])
    server.mgmt('.create external table Csv (Id:long, Key:string, When:datetime) kind=storage '
                'partition by (Key:string = Key) pathformat = ("key=" Key) '
                f'dataformat=csv ({places}) with (compressed=true)')
    server.mgmt('.create external table Pq (Id:long, Export:string, When:datetime) kind=storage '
                'partition by (Month:datetime = startofmonth(When)) dataformat=parquet '
                f"(h@'{target.connection('one', 'Pq')}')")
    rhythm = 'with (intervalBetweenRuns=1s, manifest=true)'
    server.mgmt(f'.create-or-alter continuous-export Csv over (T1) to table Csv {rhythm} <| T1')
    for name in ('PqA', 'PqB'):
        server.mgmt(f'.create-or-alter continuous-export {name} over (T2) to table Pq {rhythm} <| '
                    f'T2 | project Id, Export="{name}", When')


def reported(server, name):
    """Path -> (records, bytes)."""
    rows = server.mgmt(f'.show continuous-export {name} exported-artifacts')
    return {row['Path']: (row['NumRecords'], row['SizeInBytes']) for row in rows}


def strays(server, target):
    """What the targets hold and no export reports."""
    known = {path for name in EXPORTS for path in reported(server, name)}
    there = {path for folder, places in FOLDERS.items() for account in places
             for path in target.files(account, folder) if '/_manifests/' not in path}
    missing = known - there
    if missing:
        raise Failure(f'reported but not there: {sorted(missing)[:3]}')
    return sorted(there - known)[:3]


def csv_ids(server, target):
    ids, files = [], {}
    for account in FOLDERS['Csv']:
        files.update(target.files(account, 'Csv'))
    for path, (records, size) in reported(server, 'Csv').items():
        data = files[path][1]()
        found = complete(path, data)
        if len(data) != size or len(found) != records:
            raise Failure(f'{path}: {len(found)} records in {len(data)} bytes, {records} in {size} reported')
        ids += found
    return ids


def parquet_ids(server, target, name):
    """Read by the server, from the external table, which holds just the reported files: see strays()."""
    files = target.files('one', 'Pq')
    records = 0
    for path, (count, size) in reported(server, name).items():
        if files[path][0] != size:
            raise Failure(f'{path} has {files[path][0]} bytes, {size} reported')
        records += count
    ids = [row['Id'] for row in ask(server, f'set notruncation; external_table("Pq") | where Export == "{name}" '
                                            '| project Id')]
    if len(ids) != records:
        raise Failure(f'{name}: {len(ids)} records in files, {records} reported')
    return ids


def compare(server, target, acknowledged):
    for name, table in EXPORTS.items():
        ids = csv_ids(server, target) if name == 'Csv' else parquet_ids(server, target, name)
        times = collections.Counter(ids)
        doubled = [i for i, n in times.items() if n > 1]
        lost, strange = acknowledged[table] - set(times), set(times) - acknowledged[table]
        if doubled or lost or strange:
            raise Failure(f'{name}: {len(lost)} records lost, {len(doubled)} doubled, {len(strange)} too many, e.g. '
                          f'{sorted(lost)[:3]} {sorted(doubled)[:3]} {sorted(strange)[:3]}')
        folder = 'Csv' if name == 'Csv' else 'Pq'
        known = {path: count for path, (count, _) in reported(server, name).items()}
        wait_for(f'{name}: manifests', lambda: manifest_fault(manifests(target, folder, name), known))


def manifests(target, folder, name):
    """Those of an export, which lie in the store of its table's first connection string."""
    return {path: read for path, (_, read) in target.files(FOLDERS[folder][0], folder).items()
            if f'/_manifests/{name}/' in path}


def trouble(target, seconds):
    """For a while in the middle the second account is down."""
    time.sleep(seconds / 3)
    target.proxies['two'].rule = lambda request: 'down'
    time.sleep(max(2, seconds / 6))
    target.proxies['two'].rule = None


def run(args, folder, target):
    os.environ['SPILLWAY_TEST_TIMES'] = TIMES
    server = Server(os.path.abspath(args.server), folder, ['--log-level', 'warning'])
    create(server, target)
    for proxy in target.proxies.values():
        proxy.rate = args.rate
    started = time.time()
    watcher = Watcher(target)
    outage = threading.Thread(target=trouble, args=(target, args.seconds))
    outage.start()
    ingestion = Ingestion(server, args.records, args.seconds)
    ingestion.join()
    outage.join()
    time.sleep(args.seconds / 10)
    for proxy in target.proxies.values():
        proxy.rate = 0
        proxy.settle()
    wait_for('exports behind', lambda: behind(server), 240)
    exported = time.time() - started
    wait_for('files that are not reported', lambda: strays(server, target), 60)
    time.sleep(QUIET_SECONDS)
    wait_for('files that came late', lambda: strays(server, target), 10)
    watcher.stop()
    compare(server, target, ingestion.acknowledged)
    runs = collections.Counter(row['State'] for name in EXPORTS
                               for row in server.mgmt(f'.show continuous-export {name} runs'))
    server.stop()
    counts = sum((proxy.counts for proxy in target.proxies.values()), collections.Counter())
    requests, passed = sum(counts.values()), counts.pop('none', 0)
    print(f'{args.store}, rate {args.rate:.0%}, seed {args.seed}: {2 * args.records} records ingested, '
          f'{3 * args.records} exported in {exported:.0f} s, lost 0, doubled 0, left behind 0; '
          f'{requests} requests, {requests - passed} with a fault ({dict(counts)}); runs {dict(runs)}; '
          f'{watcher.listings} listings of {len(watcher.sizes)} files, all complete', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--server', required=True)
    parser.add_argument('--store', choices=('azurite', 's3rver'), default='azurite')
    parser.add_argument('--records', type=int, default=6000, help='of each of the two tables')
    parser.add_argument('--rate', type=float, default=0.2, help='the share of requests that get a fault')
    parser.add_argument('--seconds', type=float, default=12, help='that the ingestion takes')
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 32),
                        help='of the faults; printed, so that it can be run again')
    args = parser.parse_args()

    def test(folder):
        with contextlib.closing(accounts(args.store, folder, args.seed)) as target:
            run(args, folder, target)
    return in_folder('faults', test, f'seed {args.seed}')


if __name__ == '__main__':
    sys.exit(main())
