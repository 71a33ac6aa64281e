#!/usr/bin/env python3
"""Kill the server again and again, and prove that every record left exactly once.

Clients ingest concurrently into three tables while six continuous exports run every second, one of them into a Delta
table. An update policy fills a fourth table from the first one, and what comes into the third one is moved to a fifth.
The server is killed with SIGKILL at each fail point in turn and at random moments, and started again on the same folder.
In the end, and every few kills, the reported artifacts are compared with what was acknowledged:

  * each record that a client was told is in stands in the reported artifacts of each export exactly once
  * the table that the update policy fills has the records of its source, and so has its export
  * a moved record is in one of the two tables, and once it is in the second, in the export of that exactly once
  * a batch whose answer the kill swallowed is there whole or not at all, in the table and in every export alike
  * nothing else is there, and once the janitor has run the target holds no file that isn't reported
  * the Delta table's log, replayed here by the protocol's rules, names the reported files and no others

usage: crash_test.py --server build/spillway --store local|azurite [--kills N] [--seed S] [--azurite SCRIPT]

N is how often it is killed: the fail points in turn first, then fail points and random moments by the seed.
"""
import argparse
import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import random
import re
import sys
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests/support'))
from harness import (AZURITE, AzuriteTarget, Failure, LocalTarget, Server, behind, in_folder,  # noqa: E402
                     manifest_fault, wait_for)

# A fail point that isn't reached within this is counted as not reached; on a busy machine it takes longer.
REACH_SECONDS = 60
# A failure is rare, and a checkpoint comes with every tenth commit: they may stay out, and get less time.
RARE = ('export.fail.before', 'export.delta.checkpoint')
RARE_SECONDS = 12
VERIFY_EVERY = 12
BATCH = 40               # records of one ingestion
ONLY_WITH_FAULTS = {'export.moved.after'}  # reached where storage fails: tests/export, tests/faults


def fail_points():
    text = open(os.path.join(ROOT, 'src/base/fail_points.def')).read()
    return [name for name in re.findall(r'^FAIL_POINT\("([^"]+)"\)', text, re.M) if name not in ONLY_WITH_FAULTS]


# ---- clients -----------------------------------------------------------------------------------------------------

INGESTED = ('T1', 'T2', 'Stage')


class Clients:
    """Threads that ingest until the server is gone, and what they know of it."""

    def __init__(self):
        self.next_id = 0
        self.moves = 0
        self.lock = threading.Lock()
        self.acknowledged = {table: set() for table in INGESTED}
        self.unknown = {table: [] for table in INGESTED}    # batches without an answer
        self.errors = []

    def batch(self):
        with self.lock:
            first = self.next_id
            self.next_id += BATCH
        return range(first, first + BATCH)

    def run(self, server, stop):
        threads = [threading.Thread(target=self._work, args=(server, stop, table)) for table in ('T1', *INGESTED)]
        threads += [threading.Thread(target=self._repeat, args=(server, stop, change))
                    for change in (self._merge, self._move)]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, server, stop, change):
        """Changes the extents of tables again and again."""
        while not stop.is_set() and not server.dead():
            try:
                change(server)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            except Failure as refused:
                if 'fail point' not in str(refused):
                    with self.lock:
                        self.errors.append(str(refused))
                    return
            stop.wait(0.2)

    def _merge(self, server):
        """The oldest extents of a table that has many."""
        for table in ('T2', 'M'):
            extents = server.mgmt(f'.show table {table} extents')
            if len(extents) > 4:
                ids = ', '.join(row['ExtentId'] for row in extents[:4])
                server.mgmt(f'.merge {table} ({ids})')

    def _move(self, server):
        with self.lock:
            self.moves += 1
            fresh = self.moves % 2 == 0
        server.mgmt(f'.move extents all from table Stage to table M with (setNewIngestionTime = {str(fresh).lower()})')

    def _work(self, server, stop, table):
        while not stop.is_set() and not server.dead():
            ids = self.batch()
            lines = '\n'.join(f'{i},k{i % 7},2024-0{1 + i % 9}-01T00:00:00Z' for i in ids)
            try:
                server.mgmt(f'.ingest inline into table {table} <|\n{lines}')
                with self.lock:
                    self.acknowledged[table].update(ids)
            except (OSError, http.client.HTTPException, ValueError):
                with self.lock:
                    self.unknown[table].append(ids)
            except Failure as refused:
                with self.lock:
                    self.unknown[table].append(ids)
                    if 'fail point' not in str(refused):
                        self.errors.append(str(refused))
                        return


EXPORTS = {'ByKey': 'T1', 'Joined': 'T1', 'ByMonth': 'T2', 'Lake': 'T2', 'Derived': 'D1', 'Moved': 'M'}


def create(server, target):
    def storage(name):
        return f"(h@'{target.connection(name)}')"
    server.mgmt('.create table T1 (Id:long, Key:string, When:datetime)')
    server.mgmt('.create table T2 (Id:long, Key:string, When:datetime)')
    server.mgmt('.create table D1 (Id:long, Key:string, Twice:long)')
    server.mgmt('.alter table D1 policy update @\'[{"Source": "T1", "IsTransactional": true, '
                '"Query": "T1 | project Id, Key, Twice = 2 * Id"}]\'')
    server.mgmt('.create table Stage (Id:long, Key:string, When:datetime)')
    server.mgmt('.create table M (When:datetime, Id:long, Key:string)')
    server.mgmt('.create table Dim (Key:string, Label:string)')
    labels = '\n'.join(f'k{i},label {i}' for i in range(7))
    server.mgmt(f'.ingest inline into table Dim <|\n{labels}')
    server.mgmt('.create external table ByKey (Id:long, Key:string, When:datetime) kind=storage '
                'partition by (Key:string = Key) pathformat = ("key=" Key) '
                f'dataformat=csv {storage("ByKey")} with (compressed=true)')
    server.mgmt('.create external table Joined (Id:long, Label:string) kind=storage dataformat=json '
                f'{storage("Joined")}')
    server.mgmt('.create external table ByMonth (Id:long, Key:string, When:datetime) kind=storage '
                'partition by (Month:datetime = startofmonth(When)) dataformat=parquet '
                f'{storage("ByMonth")}')
    server.mgmt('.create external table Derived (Id:long, Twice:long) kind=storage dataformat=json '
                f'{storage("Derived")}')
    server.mgmt(f'.create external table Moved (Id:long) kind=storage dataformat=csv {storage("Moved")}')
    server.mgmt(f'.create external table Lake (Id:long, Key:string, When:datetime) kind=delta {storage("Lake")}')
    interval = 'with (intervalBetweenRuns=1s)'
    server.mgmt(f'.create-or-alter continuous-export ByKey over (T1) to table ByKey {interval} <| T1')
    server.mgmt(f'.create-or-alter continuous-export Joined over (T1) to table Joined {interval} <| '
                'T1 | join kind=inner Dim on Key | project Id, Label')
    server.mgmt('.create-or-alter continuous-export ByMonth over (T2) to table ByMonth '
                'with (intervalBetweenRuns=1s, manifest=true) <| T2')
    server.mgmt(f'.create-or-alter continuous-export Derived to table Derived {interval} <| D1 | project Id, Twice')
    server.mgmt(f'.create-or-alter continuous-export Moved to table Moved {interval} <| M | project Id')
    server.mgmt(f'.create-or-alter continuous-export Lake over (T2) to table Lake {interval} <| T2')


# ---- the proof --------------------------------------------------------------------------------------------------

def delta_files(files, root):
    """What the log of a Delta table names: the path of each file -> its number of records."""
    entries = {int(match.group(1)): path for path in files
               if (match := re.fullmatch(re.escape(root) + r'/_delta_log/(\d{20})\.json', path))}
    if sorted(entries) != list(range(len(entries))):
        raise Failure(f'{root}: the log has the versions {sorted(entries)}')
    named, progress = {}, {}
    for version in sorted(entries):
        for line in files[entries[version]]().decode().splitlines():
            [(kind, action)] = json.loads(line).items()
            if kind == 'add':
                path = f'{root}/{urllib.parse.unquote(action["path"])}'
                if path in named:
                    raise Failure(f'{path} is added twice')
                named[path] = json.loads(action['stats'])['numRecords']
            elif kind == 'remove':
                raise Failure(f'version {version} removes a file')
            elif kind == 'txn':
                if action['version'] <= progress.get(action['appId'], 0):
                    raise Failure(f'version {version} commits a run again')
                progress[action['appId']] = action['version']
    return named


def delta_fault(files, root, reported):
    """What is wrong with a Delta table: its log names just what is reported."""
    named = delta_files(files, root)
    return None if named == reported else f'{len(named)} files in the log, {len(reported)} reported'


def exported_ids(server, target, name):
    """The ids in the reported artifacts, with repetition, read from the target itself where Python can."""
    reported = {row['Path']: int(row['NumRecords'])
                for row in server.mgmt(f'.show continuous-export {name} exported-artifacts')}

    def difference():
        there = {path for path in target.files(name) if '/_manifests/' not in path and '/_delta_log/' not in path}
        missing = set(reported) - there
        if missing:
            raise Failure(f'{name}: reported but not there: {sorted(missing)[:3]}')
        return sorted(there - set(reported))[:3]
    wait_for(f'{name}: files that are not reported', difference)
    files = target.files(name)
    if name == 'ByMonth':
        wait_for(f'{name}: manifests', lambda: manifest_fault(target.files(name), reported))
    if name == 'Lake':
        wait_for(f'{name}: the log', lambda: delta_fault(target.files(name), target.root(name), reported))
    ids = []
    if not reported:  # then there is no Delta table yet, whose reading would be an error
        return ids
    if name in ('ByMonth', 'Lake'):  # Parquet: read by the server, from exactly the reported files, as the listing above shows
        ids = [row['Id'] for row in server.ask(f'set notruncation; external_table("{name}") | project Id')]
        if len(ids) != sum(reported.values()):
            raise Failure(f'{name}: {len(ids)} records in files, {sum(reported.values())} reported')
        return ids
    for path, records in reported.items():
        data = files[path]()
        if name == 'ByKey':
            rows = list(csv.reader(io.StringIO(gzip.decompress(data).decode())))
            key = re.search(r'key=(\w+)', path).group(1)
            if any(row[1] != key for row in rows):
                raise Failure(f'{path}: records of another partition')
            found = [int(row[0]) for row in rows]
        elif name == 'Moved':
            found = [int(line) for line in data.decode().splitlines()]
        elif name == 'Derived':
            rows = [json.loads(line) for line in data.decode().splitlines()]
            if any(row['Twice'] != 2 * row['Id'] for row in rows):
                raise Failure(f'{path}: a record that the update policy did not make')
            found = [row['Id'] for row in rows]
        else:
            rows = [json.loads(line) for line in data.decode().splitlines()]
            if any(row['Label'] != f'label {row["Id"] % 7}' for row in rows):
                raise Failure(f'{path}: a record joined with the wrong dimension')
            found = [row['Id'] for row in rows]
        if len(found) != records:
            raise Failure(f'{path}: {len(found)} records, {records} reported')
        ids += found
    return ids


def ids_in(server, *tables):
    """The ids in the tables, each once."""
    ids = [row['Id'] for table in tables for row in server.ask(f'set notruncation; {table} | project Id')]
    if len(set(ids)) != len(ids):
        raise Failure(f'{", ".join(tables)}: {len(ids) - len(set(ids))} records are there twice')
    return set(ids)


def verify(server, target, clients):
    wait_for('exports behind', lambda: behind(server))
    for table in INGESTED:
        present = ids_in(server, 'Stage', 'M') if table == 'Stage' else ids_in(server, table)
        lost = clients.acknowledged[table] - present
        if lost:
            raise Failure(f'{table}: {len(lost)} acknowledged records are lost, e.g. {sorted(lost)[:5]}')
        known = set(clients.acknowledged[table])
        for batch in clients.unknown[table]:
            there = present.intersection(batch)
            if there and len(there) != len(batch):
                raise Failure(f'{table}: {len(there)} of a batch of {len(batch)} records')
            known |= there
        if present != known:
            raise Failure(f'{table}: records that nobody ingested: {sorted(present - known)[:5]}')
    if ids_in(server, 'D1') != ids_in(server, 'T1'):
        raise Failure('D1 has not the records of T1')
    for name, table in EXPORTS.items():
        present, exported = ids_in(server, table), exported_ids(server, target, name)
        if len(exported) != len(set(exported)):
            raise Failure(f'{name}: {len(exported) - len(set(exported))} records exported more than once')
        missing, strange = present - set(exported), set(exported) - present
        if missing or strange:
            raise Failure(f'{name}: {len(missing)} records missing, {len(strange)} too many, '
                          f'e.g. {sorted(missing)[:5]} {sorted(strange)[:5]}')
    return {table: len(clients.acknowledged[table]) for table in INGESTED}


# ---- the schedule -----------------------------------------------------------------------------------------------

def schedule(kills, seed):
    """What each kill is: ("point", n-th time) or a random moment in seconds."""
    dice = random.Random(seed)
    points = fail_points()
    plan = [(point, 1) for point in points]
    while len(plan) < kills:
        plan.append(dice.choice([(dice.choice(points), dice.randint(1, 6)), dice.uniform(0.02, 2.0)]))
    return plan[:kills]


def run(args, folder, target):
    program = os.path.abspath(args.server)
    clients = Clients()
    not_reached = []
    server = Server(program, folder, target.arguments)
    create(server, target)
    server.stop()
    plan = schedule(args.kills or len(fail_points()) + 6, args.seed)
    for number, kill in enumerate(plan, 1):
        armed = f'{kill[0]}=kill@{kill[1]}' if isinstance(kill, tuple) else None
        server = Server(program, folder, target.arguments, armed)
        stop = threading.Event()
        threads = clients.run(server, stop) if server.port else []
        reach = RARE_SECONDS if armed and (kill[0] in RARE or kill[1] > 1) else REACH_SECONDS
        deadline = time.time() + (reach if armed else kill)
        while not server.dead() and time.time() < deadline:
            time.sleep(0.005)
        if armed and not server.dead():
            not_reached.append(kill)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        if clients.errors:
            raise Failure(f'kill {number} ({kill}): a client got an error: {clients.errors[0]}')
        if number % VERIFY_EVERY == 0 or number == len(plan):
            server = Server(program, folder, target.arguments)
            records = verify(server, target, clients)
            server.stop()
            print(f'{number} kills: {sum(records.values())} acknowledged records, missing 0, duplicated 0', flush=True)
    first = [kill[0] for kill in not_reached if kill[1] == 1 and kill[0] not in RARE]
    if first:
        raise Failure(f'fail points that were not reached: {first}')
    print(f'{len(plan)} kills on {args.store}, seed {args.seed}: every acknowledged record exactly once')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--server', required=True)
    parser.add_argument('--store', choices=('local', 'azurite'), default='local')
    parser.add_argument('--azurite', default=AZURITE)
    parser.add_argument('--kills', type=int, default=0, help='0: every fail point once, and six random moments')
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 32),
                        help='of the schedule; printed, so that it can be run again')
    args = parser.parse_args()

    def test(folder):
        target = AzuriteTarget(folder, args.azurite) if args.store == 'azurite' else LocalTarget(folder)
        with contextlib.closing(target):
            run(args, folder, target)
    return in_folder('crash', test, f'seed {args.seed}')


if __name__ == '__main__':
    sys.exit(main())
