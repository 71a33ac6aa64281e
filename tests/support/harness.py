"""What the test programs in Python have in common: a server that they start and ask, the stores that it exports to,
read without it, and the folder in which all of that happens.
"""
import base64
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = os.path.join(ROOT, '.deps/node_modules')
AZURITE = os.path.join(MODULES, 'azurite/dist/src/blob/main.js')
DATABASE = 'NetDefaultDB'
READY_SECONDS = 60
CATCH_UP_SECONDS = 120


class Failure(Exception):
    """What a test has to tell; its folder is kept."""


def in_folder(kind, test, told=''):
    """Runs test(folder) in a new folder, which stays where the test fails, and gives the program's exit code. No server
    outlives it. `told` is what is needed to run it again.
    """
    folder = tempfile.mkdtemp(prefix=f'spillway-{kind}-')
    if told:
        print(f'{told}, folder {folder}', flush=True)
    try:
        test(folder)
    except Failure as failure:
        print(f'FAILED: {failure}\n{told and told + "; "}kept: {folder}', file=sys.stderr)
        return 1
    finally:
        for process in Server.running:
            if process.poll() is None:
                process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def wait_for(what, condition, seconds=CATCH_UP_SECONDS):
    deadline = time.time() + seconds
    while True:
        seen = condition()
        if not seen:
            return
        if time.time() > deadline:
            raise Failure(f'{what}: still {seen!r} after {seconds} s')
        time.sleep(0.05)


# ---- the server --------------------------------------------------------------------------------------------------

class Server:
    running = set()     # processes that a failed test must not leave behind

    def __init__(self, program, folder, arguments, fail_point=None):
        environment = dict(os.environ)
        environment.pop('SPILLWAY_FAIL_POINTS', None)
        if fail_point:
            environment['SPILLWAY_FAIL_POINTS'] = fail_point
        self.log_path = os.path.join(folder, 'server.log')
        log = open(self.log_path, 'a')
        log.write(f'---- start, fail point {fail_point}\n')
        log.flush()
        self.process = subprocess.Popen(
            [program, 'serve', '--data', os.path.join(folder, 'data'), '--listen', '127.0.0.1:0', *arguments],
            stdout=subprocess.PIPE, stderr=log, env=environment)
        log.close()
        Server.running.add(self.process)
        self.port = None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline().decode() if ready else ''
        found = re.search(r'http://127\.0\.0\.1:(\d+)', line)
        if found:
            self.port = int(found.group(1))
        elif not fail_point or self.process.wait(READY_SECONDS) != -signal.SIGKILL:
            raise Failure(f'the server does not start: {line!r}, log {self.log_path}')

    def dead(self):
        return self.process.poll() is not None

    def kill(self):
        if not self.dead():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(60)
        self.process.stdout.close()
        if code != 0:
            raise Failure(f'the server ended with {code} on SIGTERM')

    def ask(self, text, kind='query', timeout=60):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            connection.request('POST', f'/v1/rest/{kind}', json.dumps({'db': DATABASE, 'csl': text}),
                               {'Content-Type': 'application/json'})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Failure(f'{answer.status}: {body.decode(errors="replace")[:800]}\nin: {text[:300]}')
        table = json.loads(body)['Tables'][0]
        names = [column['ColumnName'] for column in table['Columns']]
        return [dict(zip(names, row)) for row in table['Rows']]

    def mgmt(self, text):
        return self.ask(text, 'mgmt')


def moment(text):
    """A datetime of an answer in a form that orders as text: JSON answers leave out a fraction's last zeros."""
    whole, _, fraction = text.rstrip('Z').partition('.')
    return f'{whole}.{fraction:0<7}'


def behind(server):
    """The exports that have not got to the database's cursor."""
    last = moment(server.ask('print Last = datetime(0001-01-01) + 1tick * tolong(cursor_current())')[0]['Last'])
    return [row['Name'] for row in server.mgmt('.show continuous-exports')
            if row['ExportedTo'] is None or moment(row['ExportedTo']) < last]


def manifest_fault(files, reported):
    """What is wrong with the manifests: they follow one another, and name just what is reported."""
    listed, position = {}, None
    for path in sorted(path for path in files if '/_manifests/' in path):
        manifest = json.loads(files[path]())
        if position is not None and manifest['from'] != position:
            # Runs without records move the position and leave no manifest.
            if int(manifest['from']) < int(position):
                return f'{path} begins before the one before it ended'
        position = manifest['to']
        for file in manifest['files']:
            if file['path'] in listed:
                return f'{file["path"]} is in two manifests'
            listed[file['path']] = file['records']
    if listed != reported:
        return f'{len(listed)} files in manifests, {len(reported)} reported'
    return None


# ---- targets: where the artifacts go, read without the server --------------------------------------------------

class LocalTarget:
    def __init__(self, folder):
        self.folder = os.path.join(folder, 'exported')
        os.makedirs(self.folder)
        self.arguments = ['--storage-root', self.folder]

    def connection(self, name):
        return os.path.join(self.folder, name)

    def root(self, name):
        return os.path.join(self.folder, name)

    def files(self, name):
        """Public path -> a function that reads it."""
        found = {}
        for folder, _, names in os.walk(os.path.join(self.folder, name)):
            for each in names:
                path = os.path.join(folder, each)
                found[path] = lambda path=path: open(path, 'rb').read()
        return found

    def close(self):
        pass


class NodeStore:
    """A store that a program for Node.js serves at a free port, with its data and its log in the folder."""

    def __init__(self, name, folder, arguments):
        """arguments(port, data folder): the program and what it is given."""
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        data = os.path.join(folder, name)
        os.makedirs(data)
        self.name, self.log = name, open(os.path.join(folder, f'{name}.log'), 'w')
        self.process = subprocess.Popen(['node', *arguments(str(self.port), data)], stdout=self.log, stderr=self.log)

    def when_ready(self, first_request):
        deadline = time.time() + READY_SECONDS
        while True:
            try:
                return first_request()
            except OSError:
                if time.time() > deadline:
                    self.close()
                    raise Failure(f'{self.name} does not answer')
                time.sleep(0.1)

    def request(self, method, path, headers=None):
        """(status, body)"""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def close(self):
        self.process.kill()  # which takes its time to end by itself
        self.process.wait()
        self.log.close()


class AzuriteTarget(NodeStore):
    ACCOUNT = 'devstoreaccount1'
    KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

    def __init__(self, folder, script=AZURITE):
        super().__init__('azurite', folder, lambda port, data: [
            script, '--blobPort', port, '--blobHost', '127.0.0.1', '--location', data, '--skipApiVersionCheck',
            '--silent'])
        self.endpoint = f'http://127.0.0.1:{self.port}/{self.ACCOUNT}'
        self.arguments = []
        self.when_ready(lambda: self.create_container('exported'))

    def create_container(self, name):
        """Readable without a key, so that the comparison needs none."""
        self._container('PUT', name, (201, 409), {'x-ms-blob-public-access': 'container'})

    def delete_container(self, name):
        self._container('DELETE', name, (202,), {})

    def _container(self, method, name, expected, headers):
        headers = dict(headers, **{'x-ms-date': email.utils.formatdate(usegmt=True), 'x-ms-version': '2021-08-06'})
        canonical = ''.join(f'{key}:{value}\n' for key, value in sorted(headers.items()))
        resource = f'/{self.ACCOUNT}/{self.ACCOUNT}/{name}\nrestype:container'
        text = method + '\n' * 12 + canonical + resource
        digest = hmac.new(base64.b64decode(self.KEY), text.encode(), hashlib.sha256).digest()
        headers['Authorization'] = f'SharedKey {self.ACCOUNT}:{base64.b64encode(digest).decode()}'
        headers['Content-Length'] = '0'
        status, body = self.request(method, f'/{self.ACCOUNT}/{name}?restype=container', headers)
        if status not in expected:
            raise Failure(f'{method} of container {name}: {status} {body[:500]!r}')

    def connection(self, name):
        return f'{self.endpoint}/exported/{name};{self.KEY}'

    def root(self, name):
        return f'{self.endpoint}/exported/{name}'

    def files(self, name):
        found, marker = {}, ''
        while True:
            status, body = self.request('GET', f'/{self.ACCOUNT}/exported?restype=container&comp=list&prefix={name}/'
                                                f'&marker={urllib.parse.quote(marker)}')
            if status != 200:
                raise Failure(f'list: {status} {body[:500]!r}')
            text = body.decode()
            for blob in re.findall(r'<Blob><Name>([^<]+)</Name>', text):
                def read(blob=blob):
                    code, data = self.request('GET', f'/{self.ACCOUNT}/exported/{urllib.parse.quote(blob)}')
                    if code != 200:
                        raise Failure(f'{blob}: {code}')
                    return data
                found[f'{self.endpoint}/exported/{blob}'] = read
            more = re.search(r'<NextMarker>([^<]+)</NextMarker>', text)
            if not more:
                return found
            marker = more.group(1)
