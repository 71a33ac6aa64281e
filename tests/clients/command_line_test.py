#!/usr/bin/env python3
"""`spillway query` and `spillway exec` against the server in SPILLWAY_URL."""
import json
import os
import subprocess
import unittest

PROGRAM = os.environ['SPILLWAY']
COMMON = ['--server', os.environ['SPILLWAY_URL']]
if os.environ.get('SPILLWAY_TOKEN_FILE'):
    COMMON += ['--token-file', os.environ['SPILLWAY_TOKEN_FILE']]

SCRIPT = '''// A table with two records
.create table Script (n:long, s:string)
.ingest inline into table Script <|
1,one
2,two

Script
| order by n asc

'''


def spillway(*arguments, text=''):
    return subprocess.run([PROGRAM, *arguments, *COMMON], input=text, capture_output=True, text=True)


class CommandLine(unittest.TestCase):
    def test_table(self):
        done = spillway('query', "print a = 1, b = 'x'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, 'a  b\n-  -\n1  x\n(1 record)\n')

    def test_csv_and_json(self):
        self.assertEqual(spillway('query', 'print a = 1', '--format', 'csv').stdout, 'a\n1\n')
        self.assertEqual(json.loads(spillway('query', 'print a = dynamic([1])', '--format', 'json').stdout),
                         [{'a': [1]}])

    def test_standard_input(self):
        self.assertEqual(spillway('query', '-', '--format', 'csv', text='print a = 1').stdout, 'a\n1\n')

    def test_errors_point_at_the_text(self):
        done = spillway('query', 'print 1\n| where nosuch == 1')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, '')
        lines = done.stderr.splitlines()
        self.assertIn('nosuch', lines[0])
        self.assertEqual(lines[1], '  | where nosuch == 1')
        self.assertEqual(lines[2], '          ^')

    def test_script(self):
        done = spillway('exec', '-', '--format', 'csv', text=SCRIPT + '.drop table Script\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('n,s\n1,one\n2,two\n', done.stdout)

    def test_script_stops_at_the_first_error(self):
        script = 'print 1\n\nprint\n  nosuch\n\nprint 3\n'
        done = spillway('exec', '-', '--format', 'csv', text=script)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn('3', done.stdout)
        self.assertTrue(done.stderr.startswith('stdin:4:3: '), done.stderr)
        done = spillway('exec', '-', '--format', 'csv', '--keep-going', text=script)
        self.assertEqual(done.returncode, 1)
        self.assertIn('3', done.stdout)

    def test_no_server(self):
        done = subprocess.run([PROGRAM, 'query', 'print 1', '--server', 'http://127.0.0.1:1'], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn('no answer from http://127.0.0.1:1', done.stderr)


if __name__ == '__main__':
    unittest.main()
