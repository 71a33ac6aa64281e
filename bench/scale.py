#!/usr/bin/env python3
"""Continuous exports at scale, on a server of its own, with the proof that nothing is missing or doubled.

usage: scale.py many  [--server build/spillway] [--exports 50] [--seconds 600]
       scale.py large [--server build/spillway] [--records 50000000] [--memory-limit 1GB] [--format parquet|csv]

many   so many exports at one-second intervals, every other two of one table into one folder, while a client ingests
large  one export of so many records, all ingested before it, in bounded runs, under a memory limit

It prints figures and asserts nothing about time; it fails where a record is missing or doubled.
"""
import argparse
import json
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'support'))
from harness import Failure, LocalTarget, Server, in_folder, wait_for  # noqa: E402


def memory_of(server):
    """Resident now and at its peak, in MiB, and the CPU seconds so far."""
    status = dict(line.split(':', 1) for line in open(f'/proc/{server.process.pid}/status') if ':' in line)
    stat = open(f'/proc/{server.process.pid}/stat').read().rsplit(')', 1)[1].split()
    ticks = os.sysconf('SC_CLK_TCK')
    return (int(status['VmRSS'].split()[0]) // 1024, int(status['VmHWM'].split()[0]) // 1024,
            (int(stat[11]) + int(stat[12])) / ticks)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0


def seconds(timespan):
    """Of "00:00:01.5"."""
    days, _, clock = timespan.rpartition('.') if timespan.count('.') == 2 else ('0', '', timespan)
    hours, minutes, rest = clock.split(':')
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)


def exported(server, name):
    rows = server.mgmt(f'.show continuous-export {name} exported-artifacts '
                       '| summarize Records = sum(NumRecords), Files = count(), Bytes = sum(SizeInBytes)')
    return rows[0]


def many(args, folder):
    target = LocalTarget(folder)
    server = Server(os.path.abspath(args.server), folder, target.arguments)
    tables = (args.exports + 1) // 2
    for number in range(args.exports):
        table = number // 2
        if number % 2 == 0:
            server.mgmt(f'.create table T{table} (Id:long, Key:string, When:datetime)')
            server.mgmt(f'.create external table E{table} (Id:long, Key:string, When:datetime) kind=storage '
                        f"dataformat=csv ('{target.connection(f'E{table}')}')")
        server.mgmt(f'.create-or-alter continuous-export X{number} over (T{table}) to table E{table} '
                    f'with (intervalBetweenRuns=1s) <| T{table}')
    began, batches, failed = time.time(), 0, 0
    ingested = [0] * tables
    while time.time() - began < args.seconds:
        table = batches % tables
        first = ingested[table]
        lines = '\n'.join(f'{i},k{i % 7},2024-01-01T00:00:00Z' for i in range(first, first + 50))
        server.mgmt(f'.ingest inline into table T{table} <|\n{lines}')
        ingested[table] += 50
        batches += 1
        time.sleep(0.02)
    took = time.time() - began
    wait_for('exports behind', lambda: [row['Name'] for row in server.mgmt('.show continuous-exports')
                                        if exported(server, row['Name'])['Records'] != ingested[int(row['Name'][1:]) // 2]])
    lateness, durations, runs = [], [], 0
    for number in range(args.exports):
        ids = f'external_table("E{number // 2}") | summarize Records = count(), Distinct = dcount(Id)'
        found = server.ask(ids)[0]
        twice = 2 if number ^ 1 < args.exports else 1
        if found['Records'] != twice * ingested[number // 2] or found['Distinct'] != ingested[number // 2]:
            raise Failure(f'X{number}: {found}, ingested {ingested[number // 2]}')
        for run in server.mgmt(f'.show continuous-export X{number} runs'):
            runs += run['State'] == 'Completed'
            failed += run['State'] == 'Failed'
            durations.append(seconds(run['Duration']))
            if run['Lateness']:
                lateness.append(seconds(run['Lateness']))
    resident, peak, cpu = memory_of(server)
    print(f'{args.exports} exports at intervals of 1 s for {took:.0f} s, {batches} batches, {sum(ingested)} records: '
          f'{runs} runs with records, {failed} failed, nothing missing or doubled')
    print(f'  from ingestion to commit: median {percentile(lateness, 0.5):.2f} s, 95 % {percentile(lateness, 0.95):.2f} s, '
          f'longest {max(lateness):.2f} s')
    print(f'  a run: median {percentile(durations, 0.5) * 1000:.0f} ms, 95 % {percentile(durations, 0.95) * 1000:.0f} ms')
    print(f'  CPU {cpu:.0f} s of {took:.0f} s on {os.cpu_count()} cores, memory {resident} MiB, at its peak {peak} MiB')
    server.stop()


def large(args, folder):
    target = LocalTarget(folder)
    server = Server(os.path.abspath(args.server), folder, [*target.arguments, '--memory-limit', args.memory_limit])
    server.mgmt('.create table T (Timestamp:datetime, Device:string, Sensor:int, Value:real, Count:long, Note:string)')
    step = 2_000_000
    began = time.time()
    for first in range(0, args.records, step):
        last = min(first + step, args.records) - 1
        server.ask(f'.append T <| range i from {first} to {last} step 1 | project Timestamp = datetime(2024-01-01) + '
                   "i * 37ms, Device = strcat('device-', tostring((i * 7919) % 5000)), Sensor = toint(i % 97), Value = "
                   'sqrt(toreal(i * 31 % 1000003)), Count = i, '
                   "Note = iff(i % 10 == 0, strcat('reading ', tostring(i)), '')", 'mgmt', 600)
    _, peak, cpu = memory_of(server)
    print(f'{args.records} records ingested in {time.time() - began:.0f} s, memory limit {args.memory_limit}, '
          f'peak of the process {peak} MiB', flush=True)
    server.mgmt('.create external table E (Timestamp:datetime, Device:string, Sensor:int, Value:real, Count:long, '
                f"Note:string) kind=storage dataformat={args.format} ('{target.connection('E')}') with (compressed=true"
                f"{', compressionType=snappy' if args.format == 'parquet' else ''})")
    began = time.time()
    server.mgmt('.create-or-alter continuous-export X over (T) to table E with (intervalBetweenRuns=1s, backfill=true, '
                'maxRecordsPerRun=10000000) <| T')
    wait_for('the export', lambda: exported(server, 'X')['Records'] != args.records and exported(server, 'X'), 3600)
    took = time.time() - began
    _, peak, after = memory_of(server)
    done = exported(server, 'X')
    runs = [run for run in server.mgmt('.show continuous-export X runs') if run['State'] == 'Completed']
    print(f'export to {args.format}: {took:.1f} s, {args.records / took / 1e6:.2f} M records/s, {len(runs)} runs, '
          f'{done["Files"]} files, {done["Bytes"] / 1e6:.0f} MB, CPU {after - cpu:.0f} s, peak of the process {peak} MiB')
    found = server.ask('external_table("E") | summarize Records = count(), Sum = sum(Count), Last = max(Count)', timeout=600)[0]
    wanted = {'Records': args.records, 'Sum': args.records * (args.records - 1) // 2, 'Last': args.records - 1}
    if found != wanted:
        raise Failure(f'{found}, ingested {wanted}')
    states = server.ask('.verify continuous-export X | summarize Files = count() by State', 'mgmt', 600)
    print(f'  records, sum and last value as ingested; .verify: {json.dumps(states)}')
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('what', choices=('many', 'large'))
    parser.add_argument('--server', default=os.path.join(ROOT, 'build', 'spillway'))
    parser.add_argument('--exports', type=int, default=50)
    parser.add_argument('--seconds', type=int, default=600)
    parser.add_argument('--records', type=int, default=50_000_000)
    parser.add_argument('--memory-limit', default='1GB')
    parser.add_argument('--format', choices=('parquet', 'csv'), default='parquet')
    args = parser.parse_args()
    return in_folder('scale', lambda folder: (many if args.what == 'many' else large)(args, folder))


if __name__ == '__main__':
    sys.exit(main())
