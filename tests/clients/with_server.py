#!/usr/bin/env python3
"""Run a command against a server of its own, on a free port and a temporary folder.

usage: with_server.py SPILLWAY -- COMMAND…

The command runs twice: against a server without an API token, and against one with a token. It finds the server in
SPILLWAY_URL, the program in SPILLWAY, the token in SPILLWAY_TOKEN and its file in SPILLWAY_TOKEN_FILE (both empty
without one). The exit status is the command's, or 1 where the server doesn't stop cleanly on SIGTERM.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

STOP_SECONDS = 60


def run(program, command, token):
    with tempfile.TemporaryDirectory(prefix='spillway-clients-') as folder:
        arguments = [program, 'serve', '--data', os.path.join(folder, 'data'), '--listen', '127.0.0.1:0',
                     '--log-level', 'warning']
        token_file = ''
        if token:
            token_file = os.path.join(folder, 'token')
            with open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
                file.write(token + '\n')
            arguments += ['--api-token-file', token_file]
        server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline()
            ready = re.search(r'http://\S+', line)
            if not ready:
                print('the server did not start:', line, file=sys.stderr)
                return 1
            environment = dict(os.environ, SPILLWAY=program, SPILLWAY_URL=ready.group(0), SPILLWAY_TOKEN=token,
                               SPILLWAY_TOKEN_FILE=token_file, SPILLWAY_FOLDER=folder)
            status = subprocess.run(command, env=environment).returncode
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(STOP_SECONDS)
        if ended != 0:
            print('the server ended with', ended, file=sys.stderr)
            return 1
        return status


def main():
    separator = sys.argv.index('--')
    program, command = sys.argv[1], sys.argv[separator + 1:]
    for token in ('', 'a-token-of-the-tests'):
        print('--', 'with' if token else 'without', 'a token', flush=True)
        status = run(program, command, token)
        if status != 0:
            return status
    return 0


sys.exit(main())
